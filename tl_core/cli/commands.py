"""Every command of `tl`, in the order in which the help lists them."""

from tl_core.cli import look, train, runs, waiting, history, exchange  # noqa: F401, I001
from tl_core.cli import compare, report, labels  # noqa: F401
from tl_core.cli import predict, explain, cache, doctor, password  # noqa: F401
from tl_core.cli.app import app

__all__ = ["app"]
