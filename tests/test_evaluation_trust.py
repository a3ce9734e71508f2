import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import softmax
from sklearn.metrics import brier_score_loss, log_loss

from tl_core.errors import TransferLabError
from tl_core.evaluation.calibration import (
    believable,
    calibration,
    fit_temperature,
    with_temperature,
)
from tl_core.evaluation.coverage import coverage_curve
from tl_core.evaluation.intervals import wilson


def overconfident(images=4000, classes=10, factor=2.5, seed=0):
    """Answers whose logits are the true ones times `factor`, with labels drawn from the truth."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(images, classes)) * 1.5
    truth = softmax(logits, axis=1)
    labels = np.array([rng.choice(classes, p=row) for row in truth])
    return softmax(logits * factor, axis=1), labels


def slow_ece(probabilities, labels, bins=15):
    total = 0.0
    for b in range(bins):
        inside = [
            (row.max(), row.argmax() == label)
            for row, label in zip(probabilities, labels, strict=True)
            if b / bins < row.max() <= (b + 1) / bins
        ]
        if inside:
            gap = np.mean([r for _, r in inside]) - np.mean([c for c, _ in inside])
            total += len(inside) / len(labels) * abs(gap)
    return total


def test_ece_by_hand():
    # Bins of 1/15: 0.95 and 0.97 share (0.933, 1], one of two right; 0.6 stands in (0.533, 0.6]
    # and is right.
    chances = np.array([[0.95, 0.05], [0.97, 0.03], [0.6, 0.4]])
    found = calibration(chances, [0, 1, 0])
    assert found.ece == pytest.approx((2 * abs(0.5 - 0.96) + abs(1 - 0.6)) / 3)
    assert [(b.accuracy.value, b.accuracy.n) for b in found.bins] == [(1, 1), (0.5, 2)]
    assert found.bins[1].confidence == pytest.approx(0.96)
    assert (found.bins[0].low, found.bins[0].high) == pytest.approx((8 / 15, 9 / 15))
    assert (found.bins[1].low, found.bins[1].high) == pytest.approx((14 / 15, 1))


def test_ece_brier_and_loss_on_many_images():
    chances, labels = overconfident()
    found = calibration(chances, labels)
    assert found.ece == pytest.approx(slow_ece(chances, labels))
    assert found.brier == pytest.approx(
        brier_score_loss(labels, chances, labels=np.arange(10), scale_by_half=False)
    )
    assert found.brier == pytest.approx(((chances - np.eye(10)[labels]) ** 2).sum(1).mean())
    assert found.loss == pytest.approx(log_loss(labels, chances.astype(np.float32)), rel=1e-6)
    assert sum(b.accuracy.n for b in found.bins) == 4000


def test_adaptive_ece_has_bins_of_equally_many_images():
    chances, labels = overconfident(images=150)
    confidence = chances.max(axis=1)
    order = np.argsort(confidence)
    right = chances.argmax(axis=1) == labels
    by_ten = order.reshape(15, 10)
    gaps = np.abs(right[by_ten].mean(axis=1) - confidence[by_ten].mean(axis=1))
    assert calibration(chances, labels).adaptive_ece == pytest.approx(gaps.mean())


def test_calibration_of_one_image_and_of_one_class():
    one = calibration([[0.25, 0.75]], [1])
    assert one.ece == one.adaptive_ece == pytest.approx(0.25)
    assert one.brier == pytest.approx(2 * 0.25**2)
    only = calibration(np.ones((4, 1)), np.zeros(4, int))
    assert (only.ece, only.brier, only.loss) == (0, 0, 0)


def test_a_confidence_of_one_over_classes_ties():
    found = calibration(np.full((4, 4), 0.25), [0, 1, 2, 3])
    assert found.ece == pytest.approx(0)
    (only,) = found.bins
    assert (only.accuracy.value, only.confidence) == (0.25, 0.25)


def test_the_temperature_is_where_the_losss_slope_is_zero():
    chances, labels = overconfident(factor=2.5)
    logits = np.log(chances)

    def slope(cold):
        expected = (softmax(logits * cold, axis=1) * logits).sum(axis=1)
        return np.mean(expected - logits[np.arange(len(labels)), labels])

    assert fit_temperature(chances, labels) == pytest.approx(1 / brentq(slope, 0.05, 5), rel=1e-3)


def test_the_temperature_undoes_overconfidence():
    chances, labels = overconfident(factor=2.5)
    held, held_labels = overconfident(factor=2.5, seed=1)
    found = believable(chances, labels, (held, held_labels))
    assert found.temperature == pytest.approx(2.5, rel=0.05)
    assert found.after.ece < 0.03 < 0.15 < found.before.ece
    assert found.after.loss < found.before.loss
    assert found.after.brier < found.before.brier


def test_without_validation_answers_there_is_no_temperature():
    chances, labels = overconfident()
    found = believable(chances, labels, None)
    assert found.before == calibration(chances, labels)
    assert (found.temperature, found.after) == (None, None)


@pytest.mark.parametrize(("images", "right"), [(99, False), (100, True)])
def test_few_or_faultless_validation_images_give_no_temperature(images: int, right: bool):
    """Of ten, all right, an answer of 32 % became one of 98 %, and it was wrong."""
    chances, labels = overconfident()
    held, held_labels = (array[:images] for array in overconfident(seed=1))
    if right:
        held_labels = held.argmax(axis=1)
    found = believable(chances, labels, (held, held_labels))
    assert (found.temperature, found.after) == (None, None)
    assert found.before == calibration(chances, labels)


def test_the_temperature_is_fitted_on_validation_alone():
    chances, labels = overconfident(factor=2.5)
    held, held_labels = overconfident(factor=2.5, seed=1)
    shuffled = believable(chances, labels[::-1], (held, held_labels))
    assert shuffled.temperature == believable(chances, labels, (held, held_labels)).temperature


def test_temperature_keeps_the_order_and_one_changes_nothing():
    chances, _ = overconfident(images=50)
    assert with_temperature(chances, 1.0) == pytest.approx(chances)
    hot = with_temperature(chances, 3.0)
    assert (hot.argsort(axis=1) == chances.argsort(axis=1)).all()
    assert hot == pytest.approx(softmax(np.log(chances) / 3, axis=1))
    assert (hot.max(axis=1) < chances.max(axis=1)).all()


def test_float16_zeros_do_not_break_the_temperature():
    chances, labels = overconfident(factor=3)
    stored = chances.astype(np.float16)
    assert (stored == 0).any()
    assert fit_temperature(stored, labels) == pytest.approx(
        fit_temperature(chances, labels), rel=0.02
    )
    assert np.isfinite(with_temperature(stored, 2.0)).all()


def test_a_perfect_validation_set_gives_a_finite_temperature():
    chances = np.full((20, 3), 0.1) + 0.7 * np.eye(3)[np.arange(20) % 3]
    assert 0.05 <= fit_temperature(chances, np.arange(20) % 3) < 0.06


def test_coverage_by_hand():
    chances = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]])
    curve = coverage_curve(chances, [0, 1, 0, 0])
    assert [(p.coverage, p.accuracy.value, p.confidence) for p in curve] == [
        (0.25, 1.0, 0.9),
        (0.5, 1.0, 0.8),
        (0.75, pytest.approx(2 / 3), 0.7),
        (1.0, 0.75, 0.6),
    ]


def test_equal_confidences_are_not_parted():
    chances = np.array([[0.9, 0.1], [0.7, 0.3], [0.7, 0.3], [0.7, 0.3]])
    curve = coverage_curve(chances, [0, 0, 1, 1])
    assert [(p.coverage, p.accuracy.value) for p in curve] == [(0.25, 1), (1, 0.5)]


def test_coverage_ends_with_every_image_and_the_plain_accuracy():
    chances, labels = overconfident()
    curve = coverage_curve(chances, labels)
    assert 90 < len(curve) <= 100
    assert curve[-1].coverage == 1
    assert curve[-1].accuracy == wilson(int((chances.argmax(axis=1) == labels).sum()), 4000)
    assert curve[-1].accuracy.value == (chances.argmax(axis=1) == labels).mean()
    half = min(curve, key=lambda p: abs(p.coverage - 0.5))
    surest = np.argsort(-chances.max(axis=1))[: round(half.coverage * 4000)]
    assert half.accuracy.value == pytest.approx((chances.argmax(1) == labels)[surest].mean())
    (only,) = coverage_curve([[0.4, 0.6]], [1])
    assert (only.coverage, only.accuracy.value) == (1, 1)


@pytest.mark.parametrize("function", [calibration, fit_temperature, coverage_curve])
def test_what_is_no_probability_is_refused(function):
    with pytest.raises(TransferLabError, match="not a number"):
        function([[np.nan, 1.0]], [1])
