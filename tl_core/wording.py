"""How a number is written for people."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tl_core.evaluation.document import Proportion


def percent(share: float) -> str:
    """Return a share of 0..1 as text, '65.3 %'."""
    return f"{100 * share:.1f} %"


def interval(proportion: "Proportion") -> str:
    """Return the 95 % interval of a share as text, '64.4–66.2 %'."""
    return f"{100 * proportion.low:.1f}–{100 * proportion.high:.1f} %"


def with_interval(proportion: "Proportion") -> str:
    """Return a share with its 95 % interval as text, '65.3 % (64.4–66.2 %)'."""
    return f"{percent(proportion.value)} ({interval(proportion)})"
