"""Whether the app may start, and what it asks of whoever comes: decided before it listens."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from tl_core.door.passwords import HASH, PASSWORD, stored_password
from tl_core.errors import TransferLabError

OPEN, USERS = "TL_OPEN", "TL_USERS"


@dataclass(frozen=True)
class Rules:
    """How people come in.

    `password` is the hash of the one to give; `users` are the e-mail addresses and '@domain's that
    an OpenID Connect provider may vouch for. With neither it is `alone`: for whoever sits at this
    machine, asked for by one of its own names; or else, by `TL_OPEN=1`, for everybody.
    """

    password: str | None = None
    users: tuple[str, ...] = ()
    alone: bool = False

    def lets_in(self, email: object, verified: object) -> bool:
        """Return whether the provider's user with this e-mail address may come in.

        `verified` is the claim `email_verified`, which some providers give as text. None where it
        is missing, as from Microsoft Entra: such a provider is believed.
        """
        if not isinstance(email, str):
            return False
        if verified is not None and verified is not True and verified != "true":
            return False
        name = email.strip().lower()
        return any(
            user == "*" or name == user or (user.startswith("@") and name.endswith(user))
            for user in self.users
        )


def rules(address: str | None, environment: Mapping[str, str], oidc: bool) -> Rules:
    """Return the rules for an app that listens on `address`; `oidc`: a provider is configured.

    Raises:
        TransferLabError: people from elsewhere could come in without a login, or the login is
            configured wrongly.
    """
    password = stored_password(environment)
    users = tuple(filter(None, (u.strip().lower() for u in environment.get(USERS, "").split(","))))
    if password and oidc:
        raise TransferLabError(
            "There is a password and an [auth] section in secrets.toml; keep one of them."
        )
    if oidc and not users:
        raise TransferLabError(
            "The [auth] section of secrets.toml lets the provider vouch for people, but nothing "
            f"says who may come in: set {USERS} to their e-mail addresses or to @your.domain, "
            "separated by commas, or to * for everybody who has an account there."
        )
    if password or oidc:
        return Rules(password=password, users=users if oidc else ())
    if environment.get(OPEN) == "1":
        return Rules()
    if not _is_loopback(address):
        raise TransferLabError(
            f"The app would listen on {address or 'every address'} without a login, for anybody to "
            f"train and delete. Set {HASH} (`tl password` makes it) or {PASSWORD}, or an [auth] "
            f"section in .streamlit/secrets.toml with {USERS}; or let it listen on 127.0.0.1 only; "
            f"or, where everybody who can reach it may do everything, set {OPEN}=1."
        )
    return Rules(alone=True)


def is_local_name(host: str) -> bool:
    """Return whether `host`, as in a request's Host header, is a name of the own machine."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return _is_loopback(name.strip("[]"))


def _is_loopback(address: str | None) -> bool:
    if not address:
        return False
    if address.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
