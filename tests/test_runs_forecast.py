import pytest

from tl_core.runs.forecast import Forecast


def expecting(expected):
    forecast = Forecast()
    forecast.expect(expected)
    return forecast


def test_an_exact_expectation_gives_exact_shares():
    forecast = expecting({"data": 1.0, "features": 6.0, "head": 3.0})
    forecast.begin("data")
    assert forecast.update(1.0, 1.0) == (pytest.approx(0.1), pytest.approx(9.0))
    forecast.begin("features")
    assert forecast.update(3.0, 0.5) == (pytest.approx(0.4), pytest.approx(6.0))
    forecast.update(6.0, 1.0)
    forecast.begin("head")
    assert forecast.update(3.0, 1.0) == (pytest.approx(1.0), pytest.approx(0.0))


def test_a_machine_twice_as_slow_is_noticed_for_the_phases_to_come():
    forecast = expecting({"features": 10.0, "head": 5.0})
    forecast.begin("features")
    assert forecast.update(10.0, 0.5)[1] == pytest.approx(10.0 + 10.0)


def test_the_share_never_falls():
    forecast = expecting({"features": 1.0, "head": 1.0})
    forecast.begin("features")
    first, _ = forecast.update(0.9, 0.9)
    forecast.begin("head")
    second, left = forecast.update(30.0, 0.1)
    assert second == first
    assert left == pytest.approx(270.0)


def test_a_phase_taken_up_again_is_judged_by_its_own_pace():
    forecast = expecting({"features": 10.0, "head": 1.0, "fine-tune": 20.0})
    forecast.begin("features")
    forecast.update(10.0, 1.0)
    forecast.begin("head")
    forecast.update(1.0, 1.0)
    forecast.begin("features")
    _, left = forecast.update(2.0, 0.5)
    assert left == pytest.approx(2.0 + 20.0 * (14 + 1) / (10 + 1))


def test_a_wrong_expectation_of_one_phase_leaves_the_others_within_bounds():
    forecast = expecting({"features": 0.01, "save": 10.0})
    forecast.begin("features")
    assert forecast.update(13.0, 1.0)[1] == pytest.approx(40.0)


def test_before_anything_is_expected_nothing_is_done():
    forecast = Forecast()
    forecast.begin("data")
    assert forecast.update(5.0, 1.0) == (0.0, None)
    forecast.expect({"data": 5.0, "head": 5.0})
    forecast.begin("head")
    assert forecast.update(2.5, 0.5) == (pytest.approx(0.75), pytest.approx(2.5))


def test_a_run_that_goes_on_begins_at_the_share_it_had_reached():
    forecast = Forecast(0.4)
    forecast.begin("data")
    assert forecast.update(1.0, 0.5) == (0.4, None)
    forecast.expect({"data": 1.0, "head": 10.0})
    assert forecast.update(1.0, 1.0)[0] == 0.4
    forecast.begin("head")
    forecast.go_on(6.0)
    share, left = forecast.update(1.0, 0.7)
    assert left == pytest.approx(3.0)
    assert share == pytest.approx(8 / 11)
