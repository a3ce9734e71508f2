"""The door in front of the app: nothing behind it is reached by whoever may not come in."""

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from tl_core.door.login_page import login_page, page
from tl_core.door.logins import LASTS, Logins
from tl_core.door.rules import OPEN, Rules, is_local_name
from tl_core.door.uploads import Uploads

COOKIE = "transfer_lab_login"

_MOST_FORM_BYTES = 8192
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
)


class Door:
    """ASGI middleware: asks for the password, and refuses uploads that are too many or too large.

    Where the app is for its own machine alone, it also refuses requests that a proxy passed on,
    that a page of another origin makes, or that call the app by another name, as DNS rebinding
    does: those come from elsewhere.
    """

    def __init__(
        self,
        app: Application,
        rules: Rules,
        logins: Logins | None,
        uploads: Uploads,
        base_path: str = "",
    ) -> None:
        self._app = app
        self._rules = rules
        self._logins = logins
        self._uploads = uploads
        self._base = f"/{base_path.strip('/')}" if base_path.strip("/") else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the request through to the app."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        # Not of `connection.url`: that is put together with the Host header, which anybody writes.
        path = scope["path"].removeprefix(self._base)
        send = _with_headers(send) if scope["type"] == "http" else send
        if path == "/_stcore/health":
            await self._app(scope, receive, send)
        elif self._rules.alone and not _is_from_here(connection):
            text = page(
                "Only for this machine",
                "This app runs without a login, so it answers only to the machine it runs on, by "
                f"its own name. Set a password for it (`tl password`), or {OPEN}=1 where everybody "
                "may come in.",
            )
            await _refuse(HTMLResponse(text, 403), scope, receive, send)
        elif self._logins is not None and path in ("/login", "/logout"):
            answer = await self._login(Request(scope, receive), path, self._logins)
            await _refuse(answer, scope, receive, send)
        elif self._logins is not None and not self._logins.knows(connection.cookies.get(COOKIE)):
            await _refuse(self._to_login(connection), scope, receive, send)
        else:
            await self._through(scope, receive, send, path)

    async def _through(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        if scope["type"] == "http" and scope["method"] == "PUT":
            headers = Request(scope).headers
            # What comes in chunks may be longer than any length that is said beside it.
            length = None if "transfer-encoding" in headers else headers.get("content-length")
            with self._uploads.coming(path, length) as refusal:
                if refusal is None:
                    await self._app(scope, receive, send)
                else:
                    answer = PlainTextResponse(refusal.reason, refusal.status)
                    await _refuse(answer, scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _to_login(self, connection: HTTPConnection) -> Response:
        scope = connection.scope
        if scope["type"] == "http" and scope["method"] == "GET" and _wants_page(connection):
            query = _query(scope)
            asked = quote(scope["path"] + (f"?{query}" if query else ""), safe="")
            return RedirectResponse(f"{self._base}/login?next={asked}", 303)
        return PlainTextResponse("Log in first.", 401)

    async def _login(self, request: Request, path: str, logins: Logins) -> Response:
        if path == "/logout":
            logins.leave(request.cookies.get(COOKIE))
            left = RedirectResponse(f"{self._base}/login", 303)
            left.delete_cookie(COOKIE, path=f"{self._base}/")
            return left
        target = self._target(request.query_params.get("next", ""))
        if request.method != "POST":
            if logins.knows(request.cookies.get(COOKIE)):
                return RedirectResponse(target, 303)
            return HTMLResponse(login_page(_query(request.scope)))
        if not _same_origin(request):
            return HTMLResponse(login_page("", "Send this form from this page itself."), 403)
        address = _address(request)
        wait = logins.seconds_to_wait(address)
        if wait:
            seconds = f"{wait:.0f}" if wait > 1 else "1"
            sentence = f"Too many wrong tries; try again in {seconds} s."
            answer = HTMLResponse(login_page(_query(request.scope), sentence), 429)
            answer.headers["Retry-After"] = seconds
            return answer
        password = await _password(request)
        token = await run_in_threadpool(logins.enter, address, password) if password else None
        if token is None:
            sentence = "That is not the password."
            return HTMLResponse(login_page(_query(request.scope), sentence), 401)
        entered = RedirectResponse(target, 303)
        entered.set_cookie(
            COOKIE,
            token,
            max_age=int(LASTS),
            path=f"{self._base}/",
            secure=request.scope["scheme"] == "https",
            httponly=True,
            samesite="lax",
        )
        return entered

    def _target(self, asked: str) -> str:
        home = f"{self._base}/"
        parts = urlsplit(asked.replace("\\", "/"))
        if parts.scheme or parts.netloc or not parts.path.startswith(home):
            return home
        # Whatever else it holds is quoted, so that it cannot end the header it goes into.
        path = "/" + quote(parts.path.lstrip("/"))
        return path + (f"?{quote(parts.query, safe='=&%+')}" if parts.query else "")


def _is_from_here(connection: HTTPConnection) -> bool:
    headers = connection.headers
    # Some proxies put their own name for the machine into Host and pass on nothing else of theirs.
    asker = urlsplit(headers["origin"]).netloc if "origin" in headers else "localhost"
    if any(name in headers for name in _FORWARDED) or not is_local_name(asker):
        return False
    return is_local_name(headers.get("host", ""))


def _query(scope: Scope) -> str:
    return bytes(scope["query_string"]).decode("utf-8", "replace")


def _wants_page(connection: HTTPConnection) -> bool:
    return "text/html" in connection.headers.get("accept", "")


def _same_origin(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _address(request: Request) -> str:
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 6:
        # One subscriber has a whole network of these.
        return str(ipaddress.ip_network(f"{address}/64", strict=False))
    return str(address)


async def _password(request: Request) -> str:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_FORM_BYTES:
            return ""
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:
        # More fields than the form has: nobody filled it in.
        return ""
    return fields.get("password", [""])[0]


async def _refuse(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        answer.headers["Cache-Control"] = "no-store"
        await answer(scope, receive, send)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            added = [pair for pair in _HEADERS if pair[0] not in given]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return sending
