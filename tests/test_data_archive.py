import io
import random
import tarfile
from pathlib import Path

import pytest

from tl_core.data.archive import archive_members, folder_members
from tl_core.errors import TransferLabError


def packed(path: Path, *entries: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for entry, data in entries:
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def contents(path: Path) -> dict[str, bytes]:
    return {member.name: member.read(member.size) for member in archive_members(path)}


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w"])
def test_files_are_read_in_any_compression(tmp_path, mode):
    folder = (entry("data", tarfile.DIRTYPE), b"")
    files = [(entry("data/a"), b"first"), (entry("./data/b"), bytes(100_000))]
    path = packed(tmp_path / "some.tar", folder, *files, mode=mode)
    assert contents(path) == {"a": b"first", "b": bytes(100_000)}


@pytest.mark.parametrize(
    ("unsafe", "words"),
    [
        (entry("../outside"), "leads outside"),
        (entry("data/../../outside"), "leads outside"),
        (entry("/etc/outside"), "leads outside"),
        (entry("..\\outside"), "leads outside"),
        (entry("data/link", tarfile.SYMTYPE, "/etc/passwd"), "is a link"),
        (entry("data/link", tarfile.SYMTYPE, "a"), "is a link"),
        (entry("data/link", tarfile.LNKTYPE, "data/a"), "is a link"),
        (entry("data/device", tarfile.CHRTYPE), "neither a file nor a folder"),
        (entry("data/pipe", tarfile.FIFOTYPE), "neither a file nor a folder"),
    ],
)
def test_an_unsafe_member_is_refused_by_name(tmp_path, unsafe, words):
    before = set(tmp_path.rglob("*"))
    path = packed(tmp_path / "evil.tar.gz", (entry("data/a"), b"fine"), (unsafe, b""))
    with pytest.raises(TransferLabError, match=words) as refusal:
        contents(path)
    assert "evil.tar.gz" in str(refusal.value)
    assert set(tmp_path.rglob("*")) == before | {path}


@pytest.mark.parametrize("mode", ["w:gz", "w:xz"])
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.8])
def test_a_short_archive_is_refused_by_name(tmp_path, mode, share):
    noise = random.Random(0).randbytes(50_000)
    path = packed(tmp_path / "short.tar", (entry("a"), noise), (entry("b"), noise), mode=mode)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(TransferLabError, match=r"short\.tar"):
        contents(path)


def test_what_is_no_archive_is_refused_by_name(tmp_path):
    path = tmp_path / "page.tar.gz"
    path.write_text("<html>404</html>")
    with pytest.raises(TransferLabError, match=r"page\.tar\.gz is damaged or no tar archive"):
        contents(path)
    with pytest.raises(TransferLabError, match=r"absent\.tar\.gz cannot be read"):
        contents(tmp_path / "absent.tar.gz")


def test_files_of_a_folder_are_read_by_name(tmp_path):
    (tmp_path / "a").write_bytes(b"first")
    (tmp_path / "other").write_bytes(b"not asked for")
    read = {m.name: m.read(m.size) for m in folder_members(tmp_path, ("a",))}
    assert read == {"a": b"first"}
    with pytest.raises(TransferLabError, match=r"b cannot be read \(No such file"):
        list(folder_members(tmp_path, ("a", "b")))
