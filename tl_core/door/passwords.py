"""The password of the app: only its scrypt hash is kept, compared in constant time."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping

from tl_core.errors import TransferLabError

PASSWORD, HASH = "TL_PASSWORD", "TL_PASSWORD_HASH"
SHORTEST = 8
_LONGEST = 1024

# What the author of scrypt advises for logins (Percival 2009): 16 MB and a tenth of a second.
_COST, _BLOCK, _LANES = 2**14, 8, 1
_MEMORY = 32 * 2**20


def hash_password(password: str) -> str:
    """Return the salted scrypt hash of `password`, in characters that need no quoting anywhere.

    Raises:
        TransferLabError: the password is too short or too long.
    """
    if not SHORTEST <= len(password) <= _LONGEST:
        raise TransferLabError(
            f"The password has {len(password)} characters; take {SHORTEST} to {_LONGEST}."
        )
    salt = secrets.token_bytes(16)
    parts = (salt, _scrypt(password, salt))
    return "scrypt:" + ":".join(base64.urlsafe_b64encode(part).decode() for part in parts)


def matches(password: str, stored: str) -> bool:
    """Return whether `password` is the one that `stored` was made from, in constant time."""
    salt, expected = _parts(stored)
    # What is too long for any password is not worth the work of hashing it.
    return hmac.compare_digest(_scrypt(password[: _LONGEST + 1], salt), expected)


def stored_password(environment: Mapping[str, str]) -> str | None:
    """Return the hash of the password that the environment gives, None where it gives none.

    Raises:
        TransferLabError: both variables are set, the password is too short, or the hash is none.
    """
    password, stored = environment.get(PASSWORD, ""), environment.get(HASH, "").strip()
    if password and stored:
        raise TransferLabError(f"{PASSWORD} and {HASH} are both set; keep one of them.")
    if stored:
        _parts(stored)
        return stored
    if not password:
        return None
    try:
        return hash_password(password)
    except TransferLabError as error:
        raise TransferLabError(f"{PASSWORD}: {error}") from error


def _parts(stored: str) -> tuple[bytes, bytes]:
    kind, *encoded = stored.split(":")
    try:
        salt, expected = (base64.urlsafe_b64decode(part) for part in encoded)
    except (ValueError, binascii.Error):
        salt = expected = b""
    if kind != "scrypt" or len(salt) != 16 or len(expected) != 32:
        raise TransferLabError(f"{HASH} is not a hash that `tl password` has printed; make one.")
    return salt, expected


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=_COST,
        r=_BLOCK,
        p=_LANES,
        maxmem=_MEMORY,
        dklen=32,
    )
