"""What people call a run, the tags they give it and the note they keep with it."""

from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from tl_core.errors import TransferLabError
from tl_core.files import write_text
from tl_core.runs.documents import About
from tl_core.runs.locks import queue_lock
from tl_core.runs.standing import again
from tl_core.runs.store import ABOUT, Run


def rename(run: Run, name: str) -> Run:
    """Show `run` under `name` beside its id, or under its recipe's again where it is empty.

    Raises:
        TransferLabError: the name is longer than 60 characters or not one line of plain text.
    """
    return _change(run, name=name.strip() or None)


def tag(run: Run, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Run:
    """Give tags to `run` and take tags from it; what it has, or lacks, already is no error.

    Raises:
        TransferLabError: a tag is longer than 30 characters or not one line, or there are over 20.
    """
    return _change(run, add=[name.strip() for name in add], remove=[one.strip() for one in remove])


def annotate(run: Run, note: str) -> Run:
    """Keep `note` with `run` in place of the one before; an empty one is none.

    Raises:
        TransferLabError: the note is longer than 4,000 characters or holds control characters.
    """
    return _change(run, note=_lines(note))


def describe(run: Run, *, name: str, tags: Sequence[str], note: str) -> Run:
    """Replace the name, the tags and the note of `run` at once.

    Raises:
        TransferLabError: as `rename`, `tag` and `annotate` do.
    """
    given = [tag.strip() for tag in tags]
    return _change(run, name=name.strip() or None, tags=given, note=_lines(note))


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _change(run: Run, add: Iterable[str] = (), remove: Iterable[str] = (), **given: object) -> Run:
    with queue_lock():
        run = again(run)
        about = run.about
        tags = dict.fromkeys([*about.tags, *add])
        changed = {**about.model_dump(), "tags": [t for t in tags if t not in remove], **given}
        try:
            about = About.model_validate(changed)
        except ValidationError as error:
            raise TransferLabError(_sentence(error)) from error
        try:
            write_text(run.folder / ABOUT, about.model_dump_json(indent=1))
        except OSError as error:
            raise TransferLabError(
                f"What was said of run {run.id} cannot be stored: {error.strerror}."
            ) from error
    return again(run)


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    what = {"name": "The name", "tags": "A tag", "note": "The note"}[str(first["loc"][0])]
    if first["type"] == "too_long":
        return "A run has at most 20 tags; remove one first."
    if first["type"] == "string_too_long":
        return f"{what} is longer than {first['ctx']['max_length']:,} characters; shorten it."
    if first["type"] == "string_too_short":
        return f"{what} is empty."
    return f"{what} {first['ctx']['error']}; write it as plain text."
