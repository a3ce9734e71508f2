"""How far a share measured on a sample may be from the true one."""

from tl_core.errors import TransferLabError
from tl_core.evaluation.document import Proportion


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
