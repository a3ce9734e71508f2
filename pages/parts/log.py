"""The log of the app: what its readers have no use for, under the codes that they are shown."""

import logging
import secrets
from collections.abc import Callable
from logging.handlers import RotatingFileHandler

from tl_core.settings import settings

_MOST_BYTES, _OLDER_FILES = 1_000_000, 3
_LINE = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
_log = logging.getLogger("transfer_lab.app")


def unexpected(error: BaseException) -> str:
    """Write `error` with its traceback to `<artifacts>/logs/app.log` and to the server's own log.

    Returns the short code that it stands under.
    """
    code = secrets.token_hex(3)
    record = _log.makeRecord(
        _log.name,
        logging.ERROR,
        __file__,
        0,
        "%s: %s",
        (code, type(error).__name__),
        (type(error), error, error.__traceback__),
    )
    _log.handle(record)
    path = settings().artifacts / "logs" / "app.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(path, maxBytes=_MOST_BYTES, backupCount=_OLDER_FILES)
    except OSError as problem:
        _log.warning("%s is not in a file: %s", code, problem)
        return code
    file.setFormatter(_LINE)
    file.handle(record)
    file.close()
    return code


def logged(make: Callable[[], bytes]) -> Callable[[], bytes]:
    """Return `make` for a download button, with what it raises written to the app's log.

    It is called when no page is drawn: the browser says that there is no file, and only that.
    """

    def making() -> bytes:
        try:
            return make()
        except Exception as error:
            unexpected(error)
            raise

    return making
