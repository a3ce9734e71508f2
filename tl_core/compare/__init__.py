"""From stored runs to everything that a comparison of them shows."""

from tl_core.compare.comparison import compare
from tl_core.compare.document import Comparison

__all__ = ["Comparison", "compare"]
