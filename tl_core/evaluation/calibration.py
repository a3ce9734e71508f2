"""Whether a model's confidence can be believed, before and after temperature scaling."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tl_core.evaluation.document import Document, Proportion
from tl_core.evaluation.intervals import wilson
from tl_core.evaluation.metrics import mean_loss
from tl_core.evaluation.ranking import checked_labels, checked_probabilities

BINS = 15

_COLDEST, _HOTTEST = 0.05, 20.0
# Ten images that are all right, as those of a small folder may be, ask for any certainty.
FEWEST_TO_SCALE_BY = 100


class ReliabilityBin(Document):
    """The images whose confidence lies above `low` and up to `high`.

    `confidence` is their mean confidence (0..1), `accuracy` the share of them named right.
    """

    low: float
    high: float
    confidence: float
    accuracy: Proportion


class Calibration(Document):
    """How far a run's confidence and its accuracy are apart on one set of images.

    `ece` and `adaptive_ece` are mean gaps in 0..1, `brier` runs from 0 to 2, `loss` is the mean
    negative log-likelihood in nats; `bins` are the equally wide ones that hold any image.
    """

    ece: float
    adaptive_ece: float
    brier: float
    loss: float
    bins: tuple[ReliabilityBin, ...]


class Believable(Document):
    """A run's calibration on the test set as it is, and with the temperature of its validation.

    A `temperature` above 1 makes the confidence smaller: the run was over-confident. It and
    `after` are None where the run's answers to its validation set are not known, are fewer than
    `FEWEST_TO_SCALE_BY`, or ask for a temperature without end, as those that are all right do.
    """

    before: Calibration
    temperature: float | None = None
    after: Calibration | None = None


def calibration(probabilities: ArrayLike, labels: ArrayLike, bins: int = BINS) -> Calibration:
    """Return how well the top answer's probability tells how often it is right.

    The expected calibration error is the mean over images of |accuracy - confidence| of the
    image's bin. `ece` takes bins of equal width (M. P. Naeini, G. Cooper, M. Hauskrecht, "Obtaining
    well calibrated probabilities using Bayesian binning", AAAI 2015; C. Guo et al., "On calibration
    of modern neural networks", ICML 2017), `adaptive_ece` bins of equally many images by rising
    confidence (J. Nixon et al., "Measuring calibration in deep learning", CVPR workshops 2019).
    `brier` is the sum over classes of squared errors (G. W. Brier, "Verification of forecasts
    expressed in terms of probability", Monthly Weather Review 78 (1950) 1-3).

    Raises:
        TransferLabError: the arrays do not fit each other, or are no probabilities or labels.
    """
    chances = checked_probabilities(probabilities)
    truth = checked_labels(labels, *chances.shape)
    confidence = chances.max(axis=1)
    right = chances.argmax(axis=1) == truth
    edges = np.linspace(0, 1, bins + 1)
    # Bins are open below and closed above, as in Guo et al.
    place = np.searchsorted(edges[1:-1], confidence, side="left")
    order = np.argsort(confidence, kind="stable")
    return Calibration(
        ece=_gap([np.flatnonzero(place == b) for b in range(bins)], confidence, right),
        adaptive_ece=_gap(np.array_split(order, bins), confidence, right),
        brier=_brier(chances, truth),
        loss=mean_loss(chances, truth),
        bins=tuple(
            ReliabilityBin(
                low=float(edges[b]),
                high=float(edges[b + 1]),
                confidence=float(confidence[place == b].mean()),
                accuracy=wilson(int(right[place == b].sum()), int((place == b).sum())),
            )
            for b in np.unique(place).tolist()
        ),
    )


def fit_temperature(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Return the temperature (0.05..20) with the least negative log-likelihood on these images.

    They must not be the test images. Source: C. Guo et al., "On calibration of modern neural
    networks", ICML 2017.

    Raises:
        TransferLabError: the arrays do not fit each other, or are no probabilities or labels.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    chances = checked_probabilities(probabilities)
    truth = checked_labels(labels, *chances.shape)
    scores = _scores(chances)
    own = scores[np.arange(len(truth)), truth]

    def loss(logarithm: float) -> float:
        coldness = np.exp(-logarithm)
        return float(np.mean(logsumexp(scores * coldness, axis=1) - own * coldness))

    found = minimize_scalar(
        loss, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded", options={"xatol": 1e-4}
    )
    return float(np.exp(found.x))


def with_temperature(probabilities: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Return softmax(log(p) / temperature), N×C; the order of the answers stays as it is."""
    from scipy.special import softmax

    scaled: NDArray[np.float64] = softmax(
        _scores(checked_probabilities(probabilities)) / temperature, axis=1
    )
    return scaled


def believable(
    probabilities: ArrayLike,
    labels: ArrayLike,
    validation: tuple[ArrayLike, ArrayLike] | None,
) -> Believable:
    """Return a run's calibration on the test set, with a temperature fitted on its validation set.

    `validation` holds that set's probabilities and labels, None where they are not known.

    Raises:
        TransferLabError: the arrays do not fit each other, or are no probabilities or labels.
    """
    before = calibration(probabilities, labels)
    if validation is None:
        return Believable(before=before)
    if len(np.asarray(validation[1])) < FEWEST_TO_SCALE_BY:
        return Believable(before=before)
    temperature = fit_temperature(*validation)
    if not 1.01 * _COLDEST < temperature < _HOTTEST / 1.01:
        return Believable(before=before)
    scaled = with_temperature(probabilities, temperature)
    return Believable(before=before, temperature=temperature, after=calibration(scaled, labels))


def _scores(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    # A probability too small for the type it was stored in became 0, whose logarithm no
    # temperature changes; the smallest that was kept is the nearest there is to it.
    scores: NDArray[np.float64] = np.log(np.maximum(chances, chances[chances > 0].min()))
    return scores


def _gap(
    bins: list[NDArray[np.int64]], confidence: NDArray[np.float64], right: NDArray[np.bool_]
) -> float:
    gaps = [len(b) * abs(right[b].mean() - confidence[b].mean()) for b in bins if len(b)]
    return float(sum(gaps) / len(confidence))


def _brier(chances: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    classes = chances.shape[1]
    if classes == 1:
        return 0.0
    from sklearn.metrics import brier_score_loss

    return float(brier_score_loss(truth, chances, labels=np.arange(classes), scale_by_half=False))
