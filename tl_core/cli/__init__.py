"""The command line: `tl …`, also `python -m tl_core …`."""


def main() -> None:
    """Run the command that the process was started with."""
    from tl_core.cli.commands import app

    app()
