"""How many files may be sent, and how much of them the server holds at a time."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

MOST_FILES = 50
MOST_BYTES = 20 * 2**20

# Of all sessions together, since the server keeps them in its memory.
MOST_HELD = 400 * 2**20

_FRAMING = 2**20
_PATH = re.compile(r"/_stcore/upload_file/([^/]+)/([^/]+)")

Held = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Refusal:
    """An HTTP status, and in a sentence why."""

    status: int
    reason: str


class Uploads:
    """What may be sent: by sessions that were let in, at most 50 files of 20 MB, 400 MB in all.

    `held` returns the bytes of each file held, by session and file; `admitted` says whether a
    session may send any.
    """

    def __init__(self, held: Callable[[], Held], admitted: Callable[[str], bool]) -> None:
        self._held = held
        self._admitted = admitted
        # By request: several may be for one file.
        self._coming: dict[object, tuple[str, str, int]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def coming(self, path: str, length: str | None) -> Iterator[Refusal | None]:
        """Yield why the upload to `path` is refused; if it is not, it counts until the block ends.

        `length` is what the request says of its bytes.
        """
        request = object()
        refusal = self._begin(request, path, length)
        try:
            yield refusal
        finally:
            with self._lock:
                self._coming.pop(request, None)

    def _begin(self, request: object, path: str, length: str | None) -> Refusal | None:
        match = _PATH.fullmatch(path)
        if not match:
            return None
        session, file = match.groups()
        if not self._admitted(session):
            return Refusal(403, "This session may not send files; log in first.")
        if not length or not length.isdigit():
            return Refusal(411, "The length of the file is not given.")
        size = int(length)
        if size > MOST_BYTES + _FRAMING:
            return Refusal(413, f"A file may have at most {MOST_BYTES // 2**20} MB.")
        with self._lock:
            held = self._held()
            coming = list(self._coming.values())
            files = set(held.get(session, {}))
            files |= {name for owner, name, _ in coming if owner == session}
            if len(files - {file}) >= MOST_FILES:
                return Refusal(413, f"At most {MOST_FILES} files at a time.")
            taken = sum(sum(sizes.values()) for sizes in held.values())
            taken += sum(bytes_coming for _, _, bytes_coming in coming)
            if taken + size > MOST_HELD:
                return Refusal(413, "The server holds as many files as it can; remove some.")
            self._coming[request] = (session, file, size)
        return None
