"""Sentences for people who have no business with where things lie on this machine."""

import re
from pathlib import Path

from tl_core.settings import CHECKOUT, settings

# A path from the root: after a space, a quote, a bracket or a colon. Names of folders may have a
# space or two in them; more than that is taken for the words of a sentence.
_WORD = r"[^\s/'\"`<>|:;,()\[\]]+"
_PATH = re.compile(rf"(?<![^\s'\"`(\[{{=:])/(?![/\s])(?:{_WORD}(?: {_WORD}){{0,2}}/)*")


def without_known_folders(text: str) -> str:
    """Return `text` with the folders of this installation and of its user taken off its paths."""
    at = settings()
    known = (at.artifacts, at.data, at.weights, at.keras_home, CHECKOUT, Path.home())
    for folder in sorted(filter(None, known), key=lambda path: -len(str(path))):
        text = text.replace(f"{folder}/", "…/")
        text = re.sub(rf"{re.escape(str(folder))}(?![\w-])", f"…/{folder.name}", text)
    return text


def without_folders(text: str) -> str:
    """Return `text` with no path from the root left: of each, its last part stays."""
    return _PATH.sub("…/", without_known_folders(text))
