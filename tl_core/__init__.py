"""Which pretrained network to start from, what it costs, and whether to believe it."""

__version__ = "0.1.0"
