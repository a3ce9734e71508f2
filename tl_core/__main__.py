"""`python -m tl_core` is `tl`."""

from tl_core.cli import main

if __name__ == "__main__":
    main()
