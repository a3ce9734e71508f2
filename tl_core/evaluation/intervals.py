"""How far a share measured on a sample may be from the true one."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tl_core.errors import TransferLabError
from tl_core.evaluation.document import Proportion

# What 97.5 % of a normal distribution lie below.
_Z = 1.959963984540054


def wilson(successes: int, n: int) -> Proportion:
    """Return `successes` of `n` as a share in 0..1 with its 95 % Wilson score interval.

    Unlike the interval of the normal approximation it stays inside 0..1 and keeps a width at 0
    and at 1, so that one test image already gives a true, wide interval. Source: E. B. Wilson,
    "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927) 209-212.

    Raises:
        TransferLabError: `n` is below 1, or `successes` is not in 0..n.
    """
    if n < 1 or not 0 <= successes <= n:
        raise TransferLabError(
            f"Got {successes} right of {n}; a share needs at least one image and no more right "
            "answers than images."
        )
    from scipy.stats import binomtest

    interval = binomtest(int(successes), int(n)).proportion_ci(0.95, method="wilson")
    return Proportion(
        value=successes / n, low=float(interval.low), high=float(interval.high), n=int(n)
    )


def wilson_bounds(
    shares: ArrayLike, n: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds that `wilson` gives for many shares (0..1) of `n` images at once.

    The two are broadcast against each other; where there is no image the bounds are 0 and 1. SciPy
    has them one at a time, which is too slow for each class of each run of a page.
    """
    share, count = np.asarray(shares, np.float64), np.asarray(n, np.float64)
    share = np.where(count > 0, np.nan_to_num(share), 0.0)
    square = _Z * _Z
    centre = (count * share + square / 2) / (count + square)
    half = _Z / (count + square) * np.sqrt(count * share * (1 - share) + square / 4)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
