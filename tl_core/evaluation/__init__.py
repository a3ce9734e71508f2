"""From probabilities and labels to the figures a person decides by, with their uncertainty."""

from tl_core.evaluation.metrics import evaluate

__all__ = ["evaluate"]
