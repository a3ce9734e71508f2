"""Which pictures of a folder cannot be read: each is decoded once, and the answer remembered."""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import PIL

from tl_core.data.folder_scan import Picture
from tl_core.data.images import THREADS, check_image
from tl_core.data.picture_file import FORMATS, NotReached
from tl_core.errors import TransferLabError, UnreadableImage
from tl_core.files import write_text
from tl_core.progress import Progress
from tl_core.settings import settings

# What the answers depend on besides the pictures. The number rises when `check_image` learns to
# judge otherwise; another Pillow may read more than the one before, or less.
_JUDGEMENT = [3, PIL.__version__, *FORMATS]

_AT_ONCE = 256

Answers = dict[str, tuple[int, int, str]]


def unreadable(root: Path, pictures: Sequence[Picture], progress: Progress) -> dict[Path, str]:
    """Return the pictures that cannot be decoded, each with the reason.

    A picture is decoded the first time it is met, and again when its size or time has changed, or
    when it could not be reached the last time.

    Raises:
        Stopped: the user asked to stop; what was checked until then is remembered.
    """
    memory = settings().cache / "folders" / f"{_digest(root)}.json"
    known = _remembered(memory)
    answers: Answers = {}
    unreached: dict[Path, str] = {}
    unknown = []
    for picture in pictures:
        name = str(picture.path.relative_to(root))
        answer = known.get(name)
        if answer and answer[:2] == (picture.size, picture.mtime_ns):
            answers[name] = answer
        else:
            unknown.append(picture)
    progress.begin("data", len(pictures), "images")
    progress.advance(len(answers))
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            for first in range(0, len(unknown), _AT_ONCE):
                now = unknown[first : first + _AT_ONCE]
                for picture, (reached, reason) in zip(now, pool.map(_asked, now), strict=True):
                    if reached:
                        name = str(picture.path.relative_to(root))
                        answers[name] = (picture.size, picture.mtime_ns, reason)
                    else:
                        unreached[picture.path] = reason
                progress.advance(len(answers) + len(unreached))
    finally:
        if unknown or len(answers) != len(known):
            _remember(memory, answers)
    refused = {root / name: reason for name, (_, _, reason) in answers.items() if reason}
    return refused | unreached


def _asked(picture: Picture) -> tuple[bool, str]:
    try:
        check_image(picture.path)
    except UnreadableImage as error:
        reason = str(error).removeprefix(f"{picture.path} ").removesuffix(".")
        return not isinstance(error, NotReached), reason
    return True, ""


def _remembered(memory: Path) -> Answers:
    try:
        kept = json.loads(memory.read_text(encoding="utf-8"))
        if kept["judgement"] != _JUDGEMENT:
            return {}
        return {name: (int(a), int(b), str(c)) for name, (a, b, c) in kept["answers"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # What was remembered only saves time; a damaged memory is as good as none.
        return {}


def _remember(memory: Path, answers: Answers) -> None:
    try:
        write_text(memory, json.dumps({"judgement": _JUDGEMENT, "answers": answers}))
    except OSError as error:
        raise TransferLabError(
            f"{memory.parent} cannot be written ({error.strerror or error}); free some space "
            "there, or set TL_ARTIFACTS_DIR to a folder that can be written."
        ) from error


def _digest(root: Path) -> str:
    return hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
