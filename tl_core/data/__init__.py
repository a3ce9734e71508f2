"""Labelled images with three splits, from CIFAR-100, a folder of class folders, or the demo."""

from tl_core.data.dataset import Dataset, Images, Skipped
from tl_core.data.sources import SourceReport, open_dataset, sources

__all__ = ["Dataset", "Images", "Skipped", "SourceReport", "open_dataset", "sources"]
