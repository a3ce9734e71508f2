import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from app_pages import calm, charts, open_page, seen, texts
from PIL import Image
from pytest import MonkeyPatch
from run_folders import write_run
from streamlit.testing.v1 import AppTest

from pages.parts import live
from tl_core.runs.documents import MetricsLine
from tl_core.runs.locks import take, worker_lock
from tl_core.runs.store import Run, get_run, list_runs
from tl_core.training.recipe import Recipe

Journal = Callable[[], list[list[str]]]


def with_every_choice(page: AppTest) -> AppTest:
    """Return the page with 'Every choice of the recipe' open."""
    page.session_state["fields"] = True
    return page.run()


def test_every_field_of_a_recipe_can_be_chosen() -> None:
    page = with_every_choice(open_page("1_Train"))
    kinds = (page.number_input, page.selectbox, page.toggle, page.get("pills"))
    keys = [element.key for kind in kinds for element in kind]
    elsewhere = {"version", "backbone", "preset", "dataset", "weights"}
    for name in set(Recipe.model_fields) - elsewhere:
        assert f"frozen_mobilenet_v2_{name}" in keys


def test_one_click_trains_every_ticked_network_with_what_was_changed(journal: Journal) -> None:
    page = open_page("1_Train")
    with_every_choice(page).checkbox(key="backbone_vgg16").check().run()
    page.number_input(key="frozen_vgg16_epochs").set_value(3).run()
    page.button(key="start").click().run()
    calm(page)
    recipes = {run.recipe.backbone: run.recipe for run in list_runs()}
    assert set(recipes) == {"mobilenet_v2", "vgg16"}
    for recipe in recipes.values():
        assert (recipe.epochs, recipe.preset, recipe.dataset) == (3, "frozen", "demo")
    assert page.segmented_control(key="view").value == "Live"
    assert "VGG16 · Frozen backbone" in texts(page)


def test_a_click_leads_to_the_live_view_without_a_warning(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    page = open_page("1_Train")
    # Said to its own handlers alone otherwise.
    logger = logging.getLogger("streamlit")
    logger.addHandler(caplog.handler)
    try:
        page.button(key="start").click().run()
    finally:
        logger.removeHandler(caplog.handler)
    calm(page)
    assert page.get("button_group")[0].value == "Live"
    assert "default value" not in caplog.text


def test_a_run_that_begins_between_two_looks_is_not_missed(monkeypatch: MonkeyPatch) -> None:
    run = write_run("run-1", state="queued")
    written, waiting = run.folder / "status.json", live.waiting_runs

    def begins(runs: list[Run]) -> list[Run]:
        written.write_text(written.read_text().replace("queued", "running"))
        return waiting(list_runs())

    monkeypatch.setattr(live, "waiting_runs", begins)
    assert [run.id for run in live.shown_runs()] == ["run-1"]


def test_what_was_changed_holds_while_the_choices_are_closed(journal: Journal) -> None:
    page = with_every_choice(open_page("1_Train"))
    page.number_input(key="frozen_mobilenet_v2_epochs").set_value(3).run()
    page.session_state["fields"] = False
    page.run()
    assert not page.number_input
    page.checkbox(key="backbone_mobilenet_v3_large").check().run()
    with_every_choice(page)
    assert page.number_input(key="frozen_mobilenet_v2_epochs").value == 3
    page.session_state["fields"] = False
    page.run()
    page.button(key="start").click().run()
    assert {run.recipe.backbone for run in list_runs()} == {"mobilenet_v2", "mobilenet_v3_large"}
    assert {run.recipe.epochs for run in list_runs()} == {3}


def test_another_preset_starts_the_choices_afresh() -> None:
    page = with_every_choice(open_page("1_Train"))
    before = page.number_input(key="frozen_mobilenet_v2_epochs").value
    page.number_input(key="frozen_mobilenet_v2_epochs").set_value(before + 3).run()
    page.session_state["fields"] = False
    for preset in ("notebook", "frozen"):
        page.segmented_control(key="train_preset").set_value(preset).run()
    with_every_choice(page)
    assert page.number_input(key="frozen_mobilenet_v2_epochs").value == before


def test_a_quick_look_at_small_data_can_be_trained(journal: Journal) -> None:
    page = open_page("1_Train")
    page.segmented_control(key="train_preset").set_value("quick").run()
    assert not page.error
    page.button(key="start").click().run()
    calm(page)
    (run,) = list_runs()
    assert (run.recipe.preset, run.recipe.dataset, run.recipe.limit) == ("quick", "demo", None)


def test_a_preset_fills_in_another_limit_for_other_data() -> None:
    page = open_page("1_Train")
    page.segmented_control(key="train_preset").set_value("quick").run()
    with_every_choice(page).segmented_control(key="train_data").set_value("cifar100").run()
    limits = [field.value for field in page.number_input if field.label == "Limit"]
    assert limits == [10_000]


def test_the_networks_take_their_own_values_of_a_preset(journal: Journal) -> None:
    page = open_page("1_Train")
    page.checkbox(key="backbone_resnet50").check().run()
    page.segmented_control(key="train_preset").set_value("notebook").run()
    page.button(key="start").click().run()
    recipes = {run.recipe.backbone: run.recipe for run in list_runs()}
    assert recipes["resnet50"].fine_tune_blocks == 1
    assert recipes["mobilenet_v2"].fine_tune_blocks == 0


def test_an_impossible_recipe_is_one_sentence_and_no_button() -> None:
    page = with_every_choice(open_page("1_Train"))
    page.number_input(key="frozen_mobilenet_v2_hidden_units").set_value(64).run()
    assert [seen(error.value) for error in page.error] == [
        "hidden_units belongs to the head 'mlp'; choose head 'mlp' or leave it out."
    ]
    assert page.button(key="start").disabled
    assert not list_runs()


def test_a_limit_that_the_data_cannot_keep_is_said_before_the_click() -> None:
    page = with_every_choice(open_page("1_Train"))
    page.number_input(key="frozen_mobilenet_v2_limit").set_value(150).run()
    assert "limit is 150, but each of the 100 classes" in page.error[0].value
    assert page.button(key="start").disabled


def test_weights_are_random_by_default_for_the_demo_alone(tmp_path: Path) -> None:
    page = open_page("1_Train")
    assert page.segmented_control(key="train_weights_offline").value == "random"
    page.segmented_control(key="train_data").set_value("folder:<path>").run()
    assert page.segmented_control(key="train_weights").value == "imagenet"


def test_what_would_change_nothing_is_said_before_the_click() -> None:
    page = with_every_choice(open_page("1_Train"))
    page.number_input(key="frozen_mobilenet_v2_fine_tune_rate").set_value(0.01).run()
    assert "fine_tune_rate is for fine-tuning" in seen(page.error[0].value)
    assert page.button(key="start").disabled


def test_a_folder_is_checked_before_the_click(tmp_path: Path, journal: Journal) -> None:
    page = with_every_choice(open_page("1_Train"))
    assert page.number_input(key="frozen_mobilenet_v2_epochs").value == 10
    page.segmented_control(key="train_data").set_value("folder:<path>").run()
    assert page.button(key="start").disabled
    assert not page.error
    page.text_input(key="train_folder").set_value(str(tmp_path / "nowhere")).run()
    assert "is not a folder" in page.error[0].value
    assert page.button(key="start").disabled
    for name in ("cat", "dog"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(
                tmp_path / "pictures" / name / f"{number}.png"
            )
    (tmp_path / "pictures" / "dog" / "scan.tif").touch()
    page.text_input(key="train_folder").set_value(str(tmp_path / "pictures")).run()
    said = texts(calm(page))
    assert "16 pictures to train on and 4 to test on, in 2 classes." in said
    assert "Passed over: 1," in said
    # So few are trained on for longer, also where the field had been drawn for other data.
    page.button(key="start").click().run()
    (run,) = list_runs()
    assert run.recipe.epochs == 300


def test_the_time_it_takes_is_told_before_the_click() -> None:
    page = open_page("1_Train")
    assert "About **" in texts(page)


def test_nothing_ticked_says_what_to_do() -> None:
    page = open_page("1_Train")
    page.checkbox(key="backbone_mobilenet_v2").uncheck().run()
    assert "Tick at least one network" in calm(page).info[0].value
    assert page.button(key="start").disabled
    assert page.button(key="start").label == "Train"
    assert page.segmented_control(key="train_preset").value, "the other choices stay"


def test_the_live_view_shows_what_is_on_disk_and_stops_it(journal: Journal) -> None:
    page = with_every_choice(open_page("1_Train"))
    page.number_input(key="frozen_mobilenet_v2_epochs").set_value(900).run()
    page.button(key="start").click().run()
    (run,) = list_runs()
    second_tab = open_page("1_Train")
    assert second_tab.segmented_control(key="view").value == "Live"
    second_tab.button(key=f"stop_{run.id}").click().run()
    (run,) = list_runs()
    assert run.status.state in ("stopping", "stopped")


def test_curves_of_ended_runs_stay_in_the_live_view() -> None:
    import time

    write_run(created=time.time() - 100)
    page = open_page("1_Train", view="Live")
    assert [sent["alt"].split()[0] for sent in charts(page)] == ["Loss", "Accuracy"]
    assert "demo data" in texts(page)


def test_curves_on_different_data_are_drawn_apart() -> None:
    created = time.time() - 100
    for number, dataset in enumerate(("demo", "cifar100", "demo")):
        write_run(f"a-run-000{number}", dataset=dataset, created=created + number)
    page = open_page("1_Train", view="Live")
    assert [sent["alt"] for sent in charts(page)] == [
        f"{metric} of {of} while training, by epoch"
        for of in ("2 runs on demo", "1 run on cifar100")
        for metric in ("Loss", "Accuracy")
    ]


def test_a_run_at_work_says_its_data_and_its_epoch() -> None:
    run = write_run(state="running", dataset="cifar100", recipe={"epochs": 7})
    status = run.status.model_copy(update={"phase": "head", "share": 0.4, "seconds_left": 90.0})
    (run.folder / "status.json").write_text(status.model_dump_json())
    lines = [
        MetricsLine(kind=kind, phase="head", time=epoch, step=1, epoch=epoch, loss=1.0)
        for kind, epoch in (("epoch", 1.0), ("step", 1.5), ("epoch", 2.0), ("step", 2.5))
    ]
    (run.folder / "metrics.jsonl").write_text("\n".join(line.model_dump_json() for line in lines))
    lock = worker_lock(run.folder)
    take(lock)
    try:
        page = open_page("1_Train", view="Live")
    finally:
        lock.release()
    assert "CIFAR-100" in texts(page)
    (bar,) = page.get("progress")
    assert "Training the head · epoch 3 of 7 · 40 %" in bar.proto.text


def test_why_a_run_failed_stands_where_its_figures_would() -> None:
    write_run(state="failed", created=time.time() - 100)
    assert "It went wrong." in texts(open_page("1_Train", view="Live"))


def test_a_run_that_ended_too_early_is_resumed_with_a_click(journal: Journal) -> None:
    now = time.time()
    stopped = write_run("20261122-0741-vgg16-frozen-3f2a", state="stopped", created=now)
    write_run("20261122-0742-mobilenet_v2-frozen-3f2b", state="finished", created=now)
    page = open_page("1_Train", view="Live")
    assert [b.key for b in page.button if (b.key or "").startswith("resume_")] == [
        f"resume_{stopped.id}"
    ]
    page.button(key=f"resume_{stopped.id}").click().run()
    calm(page)
    assert get_run(stopped.id).active or get_run(stopped.id).status.state == "finished"
