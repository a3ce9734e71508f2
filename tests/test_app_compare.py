from app_pages import calm, charts, open_page, seen, texts
from run_folders import write_run

from tl_core.runs import about, bin
from tl_core.runs.recorded import record
from tl_core.runs.store import get_run

DEMO = "20261122-0741-mobilenet_v2-frozen-aaaa"
REAL = "20261122-0742-vgg16-frozen-bbbb"
OTHER_REAL = "20261122-0743-mobilenet_v2-frozen-cccc"


def _write() -> None:
    write_run(DEMO, created=1_700_000_300.0)
    write_run(REAL, backbone="vgg16", dataset="cifar100", skill=3.0)
    write_run(OTHER_REAL, dataset="cifar100", seed=1, created=1_700_000_100.0)


def test_without_runs_the_page_says_what_to_do() -> None:
    page = open_page("2_Compare")
    assert "no finished run" in texts(page)
    assert page.button(key="empty_pages/1_Train.py").label == "Train a network"


def test_demo_runs_are_never_beside_real_ones() -> None:
    _write()
    page = open_page("2_Compare")
    assert set(page.multiselect(key="runs").value) == {REAL, OTHER_REAL}
    assert not any("aaaa" in option for option in page.multiselect(key="runs").options)
    assert "demo data" not in texts(page)
    data = page.segmented_control(key="runs_tested_on")
    data.set_value("demo-10-200").run()
    assert page.multiselect(key="runs").value == [DEMO]
    assert "demo data" in texts(calm(page))


def test_the_notebook_is_a_mark_on_its_own_data_only() -> None:
    _write()
    page = open_page("2_Compare")
    assert "the notebook" in str(charts(page))
    page.segmented_control(key="runs_tested_on").set_value("demo-10-200").run()
    assert "the notebook" not in str(charts(page))
    assert "notebook" not in texts(page)


def test_the_address_holds_the_choice() -> None:
    _write()
    page = open_page("2_Compare", runs=[REAL, "deleted-since"])
    assert page.multiselect(key="runs").value == [REAL]
    (warning,) = page.warning
    assert "deleted-since: It is not here; it may have been deleted" in seen(warning.value)
    page.multiselect(key="runs").set_value([OTHER_REAL, REAL]).run()
    assert not page.warning
    assert page.query_params["runs"] == [OTHER_REAL, REAL]
    demo = open_page("2_Compare", runs=DEMO)
    assert demo.multiselect(key="runs").value == [DEMO]


def test_a_link_to_runs_that_cannot_be_compared_says_why_each_is_missing() -> None:
    _write()
    failed = "20261122-0745-resnet50-frozen-dddd"
    write_run(failed, backbone="resnet50", state="failed")
    page = open_page("2_Compare", runs=[REAL, DEMO, failed, OTHER_REAL])
    assert page.multiselect(key="runs").value == [REAL, OTHER_REAL]
    (warning,) = page.warning
    said = seen(warning.value)
    assert f"{DEMO}: It was made from demo data, the others from real data" in said
    assert f"{failed}: It failed: It went wrong." in said
    assert "never was on this machine" not in said
    page.segmented_control(key="runs_tested_on").set_value("demo-10-200").run()
    assert page.multiselect(key="runs").value == [DEMO]
    assert not any("not shown" in warning.value for warning in page.warning)


def test_a_link_to_too_many_runs_says_which_are_not_shown() -> None:
    names = [f"20261122-074{number}-vgg16-frozen-{number}" for number in range(9)]
    for name in names:
        write_run(name, backbone="vgg16")
    page = open_page("2_Compare", runs=names)
    assert page.multiselect(key="runs").value == names[:8]
    (warning,) = page.warning
    assert f"{names[8]}: No more than 8 are shown at once." in seen(warning.value)


def test_runs_of_one_backbone_alone_are_compared_two_by_themselves() -> None:
    for number, skill in enumerate((1.0, 3.0, 2.0)):
        write_run(f"20261122-074{number}-vgg16-frozen-{number}", backbone="vgg16", skill=skill)
    page = open_page("2_Compare")
    assert [name[-1] for name in page.multiselect(key="runs").value] == ["1", "2"]


def test_a_new_name_is_seen_at_once() -> None:
    _write()
    assert "My own" not in texts(open_page("2_Compare"))
    about.rename(get_run(REAL), "My own")
    page = open_page("2_Compare")
    assert "My own · bbbb" in texts(page)
    assert "VGG16 · Frozen" not in texts(page)


def test_the_table_holds_what_the_runs_measured() -> None:
    _write()
    page = open_page("2_Compare")
    assert not page.dataframe, "folded away until it is asked for"
    page.session_state["every_figure"] = True
    table = calm(page.run()).dataframe[0].value
    assert list(table["Top-1 %"]) == sorted(table["Top-1 %"], reverse=True)
    assert (table["from"] < table["Top-1 %"]).all()
    assert (table["Top-1 %"] < table["to"]).all()


def test_curves_can_go_by_minutes() -> None:
    _write()
    page = open_page("2_Compare", tab="Curves")
    assert len(charts(page)) == 2
    page.segmented_control(key="along").set_value("minutes").run()
    axis = charts(page)[0]["dark"]["layout"]["xaxis"]["title"]["text"]
    assert axis == "minutes since the run started"


def test_what_is_left_out_is_said_with_its_reason() -> None:
    _write()
    write_run("20261122-0745-resnet50-frozen-dddd", backbone="resnet50", state="failed")
    assert "It went wrong." in texts(open_page("2_Compare"))


def test_nothing_chosen_says_what_to_do() -> None:
    _write()
    page = open_page("2_Compare")
    page.multiselect(key="runs").set_value([]).run()
    assert "Choose at least one run" in calm(page).info[0].value


def test_runs_made_here_come_before_recorded_ones() -> None:
    record(write_run(REAL, dataset="cifar100"))
    bin.delete(get_run(REAL))
    page = open_page("2_Compare")
    assert page.multiselect(key="runs").value == [f"recorded/{REAL}"]
    (card,) = (text.value for text in page.markdown if "**MobileNetV2" in text.value)
    assert card.count("recorded") == 1
    write_run(DEMO)
    page = open_page("2_Compare")
    assert page.multiselect(key="runs").value == [DEMO]
    assert len(page.segmented_control(key="runs_tested_on").options) == 2
