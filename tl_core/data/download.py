"""One file from the web, checked before it takes its place."""

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path

from tl_core.errors import TransferLabError
from tl_core.files import replacing
from tl_core.progress import Progress

_CHUNK = 1 << 20
_TIMEOUT = 20.0


def download(url: str, path: Path, sha256: str, progress: Progress) -> None:
    """Fetch `url` to `path`, counting bytes in the phase 'data'.

    Raises:
        TransferLabError: there is no connection, it broke, or the hash is another one.
        Stopped: the user asked to stop.
    """
    digest = hashlib.sha256()
    try:
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT) as answer,
            replacing(path) as part,
            part.open("wb") as file,
        ):
            progress.begin("data", int(answer.headers.get("Content-Length") or 0), "bytes")
            done = 0
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                progress.advance(done)
            if digest.hexdigest() != sha256:
                raise TransferLabError(
                    f"What {url} sent is not the published file: its sha256 is "
                    f"{digest.hexdigest()}, expected {sha256}; try again."
                )
    except (OSError, http.client.HTTPException) as error:
        raise TransferLabError(f"{url} could not be fetched ({_reason(error)}).") from error


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return str(error)
    inner = getattr(error, "reason", None) or error
    return str(getattr(inner, "strerror", None) or inner) or type(inner).__name__
