"""What a comparison and a run look like to people elsewhere: one HTML page, and model cards."""

from tl_core.report.card import model_card
from tl_core.report.page import report

__all__ = ["model_card", "report"]
