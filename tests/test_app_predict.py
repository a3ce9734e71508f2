import io
from pathlib import Path

import numpy as np
import pytest
from app_pages import calm, charts, open_page, texts
from PIL import Image
from run_folders import write_run

from tl_core.data import open_dataset
from tl_core.door.uploads import MOST_FILES
from tl_core.runs.dataset_info import dataset_info
from tl_core.runs.documents import Outcome
from tl_core.runs.recorded import record

NAMES = ("20261122-0741-mobilenet_v2-frozen-aaaa", "20261122-0742-vgg16-frozen-bbbb")


@pytest.fixture
def models(tmp_path: Path) -> None:
    """Two finished runs whose models answer by the mean colour, as 100 classes."""
    import keras

    for seed, (name, backbone) in enumerate(zip(NAMES, ("mobilenet_v2", "vgg16"), strict=True)):
        run = write_run(name, backbone=backbone, classes=100, test=2000, seed=seed)
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((32, 32, 3), dtype="uint8")
        mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
        outputs = keras.layers.Dense(100, activation="softmax")(mean)
        keras.Model(inputs, outputs).save(run.model_path)


def _picture(colour: str = "red", size: tuple[int, int] = (90, 60)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def test_without_models_the_page_says_what_to_do() -> None:
    page = open_page("3_Predict")
    assert "no finished run" in texts(page)
    assert page.button(key="empty_pages/1_Train.py").label == "Train a network"


def test_runs_that_came_without_their_models_are_no_surprise() -> None:
    record(write_run("a-run-1111", dataset="cifar100"))
    assert "No finished run has its model on this machine" in texts(open_page("3_Predict"))


def test_models_stay_compiled_when_the_page_is_drawn_anew(
    models: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras
    from tensorflow.python.eager.context import Context

    cleared: list[Context] = []
    monkeypatch.setattr(Context, "clear_kernel_cache", lambda self: cleared.append(self))
    monkeypatch.setattr(keras.backend, "clear_session", keras.backend.clear_session)
    page = open_page("3_Predict")
    page.file_uploader(key="files").upload("red.png", _picture())
    page.run()
    cleared.clear()
    page.run()
    calm(page)
    assert len(charts(page)) == len(NAMES)
    assert not cleared


def test_a_bad_file_is_one_sentence_and_the_others_go_on(models: None) -> None:
    page = open_page("3_Predict")
    page.file_uploader(key="files").upload("red.png", _picture())
    page.file_uploader(key="files").upload("notes.txt", b"no picture at all")
    page.run()
    calm(page)
    assert len(page.error) == 1
    assert page.error[0].value.startswith("**notes.txt**: ")
    assert {sent["alt"].split(" answers ")[0] for sent in charts(page)} == {
        "MobileNetV2 · Frozen backbone · aaaa",
        "VGG16 · Frozen backbone · bbbb",
    }
    assert "ms" in charts(page)[0]["light"]["layout"]["title"]["subtitle"]["text"]


def test_each_model_is_given_pictures_of_its_own_size(models: None) -> None:
    import keras

    larger = open_path(NAMES[1])
    outcome = Outcome.model_validate_json(larger.with_name("outcome.json").read_bytes())
    about = outcome.dataset.model_copy(update={"resolution": 64})
    changed = outcome.model_copy(update={"dataset": about})
    larger.with_name("outcome.json").write_text(changed.model_dump_json())
    inputs = keras.Input((64, 64, 3), dtype="uint8")
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    keras.Model(inputs, keras.layers.Dense(100, activation="softmax")(mean)).save(larger)
    page = open_page("3_Predict")
    assert "32 × 32 or 64 × 64 pixels" in texts(page)
    page.file_uploader(key="files").upload("red.png", _picture())
    page.file_uploader(key="files").upload("notes.txt", b"no picture at all")
    page.run()
    assert len(calm(page).error) == 1, page.error
    assert len(charts(page)) == 2
    assert "seen at 32 × 32 pixels · MobileNetV2" in texts(page)
    assert "64 × 64 pixels · VGG16" in texts(page)


def test_of_more_files_than_are_taken_the_first_are_answered(models: None) -> None:
    page = open_page("3_Predict", models=NAMES[0])
    for number in range(MOST_FILES + 1):
        page.file_uploader(key="files").upload(f"{number}.png", _picture(size=(4, 4)))
    page.session_state["answers_table"] = True
    page.run()
    calm(page)
    assert page.warning[0].value.startswith("51 files were dropped; the first 50 are shown")
    assert list(page.dataframe[0].value["picture"]) == [f"{n}.png" for n in range(MOST_FILES)]


def test_answers_are_the_five_best_of_the_model(models: None) -> None:
    page = open_page("3_Predict", models=NAMES[0])
    page.file_uploader(key="files").upload("red.png", _picture())
    page.run()
    import keras

    model = keras.saving.load_model(open_path(NAMES[0]))
    expected = np.sort(np.asarray(model(np.full((1, 32, 32, 3), [255, 0, 0], np.uint8)))[0])
    (sent,) = charts(page)
    shown = sent["light"]["data"][0]["x"]
    assert shown == pytest.approx(expected[::-1][:5].tolist(), abs=1e-5)


def open_path(name: str) -> Path:
    from tl_core.settings import settings

    return settings().runs / name / "model.keras"


def test_cropped_or_padded_as_chosen(models: None) -> None:
    page = open_page("3_Predict", models=NAMES[0])
    wide = Image.new("RGB", (90, 30), "black")
    wide.paste("white", (30, 0, 60, 30))
    file = io.BytesIO()
    wide.save(file, "PNG")
    page.file_uploader(key="files").upload("wide.png", file.getvalue())
    page.run()
    cropped = charts(page)[0]["light"]["data"][0]["x"]
    page.segmented_control(key="fit").set_value("pad").run()
    assert charts(calm(page))[0]["light"]["data"][0]["x"] != cropped


def test_samples_come_with_their_right_answers(models: None) -> None:
    page = open_page("3_Predict", models=NAMES[0], **{"from": "Test set"})
    page.button(key="draw").click().run()
    calm(page)
    assert "has changed since the run" in page.info[0].value

    outcome = open_path(NAMES[0]).with_name("outcome.json")
    about = dataset_info(open_dataset("demo"))
    stored = Outcome.model_validate_json(outcome.read_bytes())
    outcome.write_text(stored.model_copy(update={"dataset": about}).model_dump_json())
    page.run()
    right = texts(calm(page)).split("Right answer: **")[1].split("**")[0]
    assert right in about.class_names
    assert len(charts(page)) == 4

    page.number_input(key="how_many").set_value(50)
    page.session_state["answers_table"] = True
    for _ in range(3):
        page.button(key="draw").click().run()
        drawn = list(calm(page).dataframe[0].value["picture"])
        assert len(drawn) == len(set(drawn)) == 50
    page.number_input(key="how_many").set_value(20).run()
    assert list(calm(page).dataframe[0].value["picture"]) == drawn[:20]
    address = page.query_params["drawn"]
    page.switch_page("pages/2_Compare.py").run()
    # A browser leaves it behind with the page; the test's page does not.
    del page.query_params["drawn"]
    back = calm(page.switch_page("pages/3_Predict.py").run())
    assert back.query_params["drawn"] in (address, [address])
    link = {"models": NAMES[0], "how_many": "20", "drawn": address, "from": "Test set"}
    again = open_page("3_Predict", **link)
    again.session_state["answers_table"] = True
    calm(again.run())
    assert list(again.dataframe[0].value["picture"]) == drawn[:20]


def test_two_models_are_asked_and_their_agreement_is_said(models: None) -> None:
    page = open_page("3_Predict")
    page.file_uploader(key="files").upload("red.png", _picture())
    page.run()
    badges = " ".join(str(badge.value) for badge in page.markdown if "badge" in str(badge.value))
    assert ("all say" in badges) != ("they disagree" in badges)
    page.session_state["answers_table"] = True
    page.run()
    table = calm(page).dataframe[0].value
    assert list(table["picture"]) == ["red.png", "red.png"]
    assert list(table["probability 1"]) == [
        sent["light"]["data"][0]["x"][0] for sent in charts(page)
    ]
