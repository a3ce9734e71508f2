"""A command that fails says why in one sentence; the traceback comes when asked for."""

import sys
import traceback
from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

from tl_core.cli.output import err, printable
from tl_core.errors import TransferLabError

_DEBUG = "--debug"


class Commands(TyperGroup):
    """The commands of `tl`, with `--debug` understood before and after the command's name."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command; exits with 1 if it failed and with 2 if it was called wrongly."""
        given = list(sys.argv[1:] if args is None else args)
        options = given[: given.index("--")] if "--" in given else given
        debug = _DEBUG in options
        if debug:
            given.remove(_DEBUG)
        try:
            return super().main(
                given, prog_name, complete_var, standalone_mode, windows_expand_args, **extra
            )
        except TransferLabError as error:
            if debug:
                traceback.print_exc()
            err().print(printable(f"Error: {error}"))
        except Exception as error:  # noqa: BLE001 - the last door before the user
            if debug:
                traceback.print_exc()
                sys.exit(1)
            first = str(error).strip().splitlines()[:1]
            err().print(
                f"Error: {type(error).__name__}{': ' if first else ''}{''.join(first)}; "
                "this was not foreseen, --debug shows where it happened."
            )
        sys.exit(1)
