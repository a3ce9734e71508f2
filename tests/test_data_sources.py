import os
from pathlib import Path

import pytest
from PIL import Image

from tl_core.data import open_dataset, sources
from tl_core.errors import TransferLabError


def cifar100_report():
    (report,) = [report for report in sources() if report.name == "cifar100"]
    return report


def test_every_source_is_listed_and_nothing_is_written(own_folders):
    reports = sources()
    assert [report.name for report in reports] == ["cifar100", "demo", "folder:<path>"]
    assert [report.found for report in reports] == [False, True, True]
    assert all(report.title and report.detail for report in reports)
    assert all(report.found != bool(report.to_do) for report in reports)
    assert not own_folders.exists()


def test_missing_data_come_with_what_to_do():
    report = cifar100_report()
    assert report.where == ""
    assert "TL_DATA_DIR" in report.to_do
    assert "cifar-100-binary.tar.gz" in report.to_do


def test_data_are_found_without_a_look_inside(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_DATA_DIR", str(tmp_path))
    (tmp_path / "cifar-100-binary.tar.xz").write_bytes(b"not looked into")
    report = cifar100_report()
    assert report.found
    assert report.where == str(tmp_path / "cifar-100-binary.tar.xz")


def test_what_keras_fetched_is_found():
    path = Path(os.environ["KERAS_HOME"]) / "datasets" / "cifar-100-python-target_archive"
    path.parent.mkdir()
    path.write_bytes(b"not looked into")
    assert cifar100_report().where == str(path)


def test_a_data_folder_without_them_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_DATA_DIR", str(tmp_path))
    assert f"into {tmp_path}" in cifar100_report().to_do


@pytest.mark.parametrize(("variable", "value"), [("TL_WORKERS", "many"), ("TL_DATA_DIR", "\n")])
def test_wrong_settings_are_reported_not_raised(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    assert variable in cifar100_report().to_do


def test_a_wrong_data_folder_is_reported_not_raised(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_DATA_DIR", str(tmp_path / "absent"))
    report = cifar100_report()
    assert not report.found
    assert "absent" in report.to_do


@pytest.mark.parametrize("name", ["cifar10", "", "folder:", "Demo"])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(TransferLabError, match="cifar100, demo or folder:<path>"):
        open_dataset(name)


@pytest.mark.parametrize("resolution", [0, -1, 5000])
def test_an_impossible_resolution_is_refused(resolution, tmp_path):
    with pytest.raises(TransferLabError, match="resolution"):
        open_dataset(f"folder:{tmp_path}", resolution=resolution)


def test_pictures_of_one_size_keep_it():
    assert open_dataset("demo", resolution=32).images.shape[1:] == (32, 32, 3)
    with pytest.raises(TransferLabError, match="32 pixels, not 64"):
        open_dataset("demo", resolution=64)


def test_an_impossible_limit_is_refused():
    with pytest.raises(TransferLabError, match="raise it to 200 or more"):
        open_dataset("demo", limit=150)
    with pytest.raises(TransferLabError, match="6,000 labelled images"):
        open_dataset("demo", limit=6001)
    assert len(open_dataset("demo", limit=6000).train) == 5400


@pytest.mark.parametrize("name", ["demo", "folder:{}/pets"])
def test_a_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch, name):
    for number in range(6):
        path = tmp_path / "pets" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(path)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TL_ARTIFACTS_DIR", str(tmp_path / "file"))
    with pytest.raises(TransferLabError, match="TL_ARTIFACTS_DIR"):
        open_dataset(name.format(tmp_path))
