"""The pretrained networks: one table, where their weights come from, and how they are built."""

from tl_core.backbones.table import BACKBONES, Backbone, backbone

__all__ = ["BACKBONES", "Backbone", "backbone"]
