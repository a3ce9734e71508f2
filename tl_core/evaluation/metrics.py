"""From the probabilities of the test set to every figure of one run."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tl_core.errors import TransferLabError
from tl_core.evaluation.confusion import confusion
from tl_core.evaluation.document import ClassResult, Evaluation, SuperclassResult
from tl_core.evaluation.intervals import wilson
from tl_core.evaluation.ranking import checked_labels, checked_probabilities, rank_of_label


def evaluate(
    probabilities: ArrayLike,
    labels: ArrayLike,
    class_names: Sequence[str],
    coarse_of_class: ArrayLike | None = None,
    coarse_names: Sequence[str] = (),
) -> Evaluation:
    """Return every figure of one run on its test set; all shares in 0..1.

    `probabilities` are N×C and `labels` N whole numbers in 0..C-1; `coarse_of_class` gives the
    superclass of each of the C classes. Equal probabilities are ordered by class number, the lower
    first; with fewer than five classes every answer is in the top five. A figure that would divide
    by zero is 0: the precision of a class never predicted, the recall of a class without test
    images. The macro averages run over the classes that occur among the labels or the answers, as
    scikit-learn's do. `loss` is the mean negative log-likelihood in nats of `mean_loss`.

    Raises:
        TransferLabError: the arrays do not fit each other, or are no probabilities or labels.
    """
    chances = checked_probabilities(probabilities)
    images, classes = chances.shape
    truth = checked_labels(labels, images, classes)
    coarse = _checked_classes(classes, class_names, coarse_of_class, coarse_names)

    from sklearn.metrics import precision_recall_fscore_support

    ranks = rank_of_label(chances, truth)
    predicted = chances.argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=np.arange(classes), zero_division=0
    )
    macro = precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0)
    return Evaluation(
        top1=wilson(int((ranks == 0).sum()), images),
        top5=wilson(int((ranks < 5).sum()), images),
        loss=mean_loss(chances, truth),
        macro_precision=float(macro[0]),
        macro_recall=float(macro[1]),
        macro_f1=float(macro[2]),
        classes=tuple(
            ClassResult(
                name=class_names[c],
                superclass=None if coarse is None else coarse_names[coarse[c]],
                support=int(support[c]),
                accuracy=float(recall[c]),
                precision=float(precision[c]),
                f1=float(f1[c]),
            )
            for c in range(classes)
        ),
        superclasses=_superclasses(truth, predicted, coarse, coarse_names),
        confusion=tuple(tuple(row) for row in confusion(truth, predicted, classes).tolist()),
    )


def mean_loss(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """Return the mean negative log-likelihood of the right class, in nats.

    A probability is taken as at least 1.2e-7, the spacing of float32 at 1 and nearly the bound
    Keras uses, so that one impossible answer costs 16 nats and not infinity.
    """
    if probabilities.shape[1] == 1:
        return 0.0
    from sklearn.metrics import log_loss

    # log_loss clips at the spacing of the type it is given.
    single = probabilities.astype(np.float32)
    return float(log_loss(labels, single, labels=np.arange(probabilities.shape[1])))


def _checked_classes(
    classes: int,
    class_names: Sequence[str],
    coarse_of_class: ArrayLike | None,
    coarse_names: Sequence[str],
) -> NDArray[np.int64] | None:
    if len(class_names) != classes:
        raise TransferLabError(
            f"There are {len(class_names)} class names for {classes} columns of probabilities; "
            "expected one name for each."
        )
    if coarse_of_class is None:
        return None
    coarse = np.asarray(coarse_of_class, dtype=np.int64)
    if coarse.shape != (classes,) or coarse.min() < 0 or coarse.max() >= len(coarse_names):
        raise TransferLabError(
            f"The superclasses of the classes have the shape {coarse.shape}; expected one number "
            f"from 0 to {len(coarse_names) - 1} for each of the {classes} classes."
        )
    return coarse


def _superclasses(
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
    coarse: NDArray[np.int64] | None,
    coarse_names: Sequence[str],
) -> tuple[SuperclassResult, ...]:
    if coarse is None:
        return ()
    of_truth = coarse[truth]
    results = []
    for number, name in enumerate(coarse_names):
        own = of_truth == number
        support = int(own.sum())
        right = int((predicted[own] == truth[own]).sum())
        inside = int((coarse[predicted[own]] == number).sum())
        results.append(
            SuperclassResult(
                name=name,
                support=support,
                accuracy=right / support if support else 0.0,
                superclass_accuracy=inside / support if support else 0.0,
            )
        )
    return tuple(results)
