"""The door: when the app may start, who comes in, and what may be sent."""

import asyncio
import hmac
from contextlib import ExitStack
from urllib.parse import urlencode

import pytest
from typer.testing import CliRunner

from tl_core.cli.commands import app
from tl_core.door import passwords
from tl_core.door.asgi import COOKIE, Door
from tl_core.door.logins import LASTS, Logins
from tl_core.door.passwords import hash_password, matches, stored_password
from tl_core.door.rules import Rules, is_local_name, rules
from tl_core.door.uploads import MOST_BYTES, MOST_FILES, MOST_HELD, Uploads
from tl_core.errors import TransferLabError

WORD = "correct horse"
STORED = hash_password(WORD)


class TestRules:
    @pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.8.9.1"])
    def test_on_this_machine_alone_no_login_is_needed(self, address):
        assert rules(address, {}, oidc=False).alone

    @pytest.mark.parametrize(
        "address", [None, "", "0.0.0.0", "::", "192.168.1.7", "lab.example.org", "unix:///run/x"]
    )
    def test_elsewhere_it_does_not_start_without_one(self, address):
        for environment in ({}, {"TL_OPEN": "0"}, {"TL_OPEN": "true"}, {"TL_PASSWORD": ""}):
            with pytest.raises(TransferLabError, match="without a login"):
                rules(address, environment, oidc=False)
        assert rules(address, {"TL_PASSWORD": WORD}, oidc=False).password
        assert rules(address, {"TL_PASSWORD_HASH": STORED}, oidc=False).password == STORED
        assert rules(address, {"TL_USERS": "a@b.org"}, oidc=True).users == ("a@b.org",)
        assert rules(address, {"TL_OPEN": "1"}, oidc=False) == Rules()

    def test_a_login_that_is_configured_counts_on_this_machine_too(self):
        assert rules("127.0.0.1", {"TL_PASSWORD": WORD}, oidc=False).password
        assert rules("127.0.0.1", {"TL_PASSWORD": WORD, "TL_OPEN": "1"}, oidc=False).password

    def test_a_login_that_is_none_is_refused(self):
        for environment, oidc, words in (
            ({"TL_PASSWORD": "short"}, False, "has 5 characters; take 8"),
            ({"TL_PASSWORD_HASH": WORD}, False, "is not a hash"),
            ({"TL_PASSWORD_HASH": STORED[:-8]}, False, "is not a hash"),
            ({"TL_PASSWORD": WORD, "TL_PASSWORD_HASH": STORED}, False, "both set"),
            ({"TL_PASSWORD": WORD}, True, "keep one of them"),
            ({}, True, "who may come in: set TL_USERS"),
            ({"TL_USERS": " , "}, True, "who may come in: set TL_USERS"),
        ):
            with pytest.raises(TransferLabError, match=words):
                rules("127.0.0.1", environment, oidc)

    def test_only_named_users_come_in(self):
        named = rules(None, {"TL_USERS": "Ann@Example.org, @lab.org"}, oidc=True)
        assert named.lets_in("ann@example.org", True)
        assert named.lets_in("bob@lab.org", None)
        for email in ("bob@example.org", "ann@example.org.evil", "x@evil-lab.org", "", None, 3):
            assert not named.lets_in(email, True)
        for verified in (True, "true", None):
            assert named.lets_in("ann@example.org", verified)
        for verified in (False, "false", "False", "", "no", 0, 1, [], {}):
            assert not named.lets_in("ann@example.org", verified), verified
        assert rules(None, {"TL_USERS": "*"}, oidc=True).lets_in("x@y.z", True)

    def test_names_of_this_machine(self):
        for name in ("localhost", "localhost:8501", "127.0.0.1:8501", "[::1]:8501", "[::1]"):
            assert is_local_name(name)
        for name in ("", "evil.com", "evil.com:8501", "127.0.0.1.evil.com", "localhost.evil.com"):
            assert not is_local_name(name)


class TestPasswords:
    def test_only_the_password_matches_its_hash(self):
        assert matches(WORD, STORED)
        for wrong in ("", WORD + " ", WORD.upper(), "x" * 10**6, "\udcff"):
            assert not matches(wrong, STORED)

    def test_the_same_password_gives_another_hash_each_time(self):
        assert hash_password(WORD) != STORED
        assert WORD not in STORED
        assert set(STORED) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-="
        )

    def test_it_is_compared_in_constant_time(self, monkeypatch):
        compared = []
        in_constant_time = hmac.compare_digest

        def compare(one: bytes, other: bytes) -> bool:
            compared.append((len(one), len(other)))
            return in_constant_time(one, other)

        monkeypatch.setattr(passwords.hmac, "compare_digest", compare)
        matches(WORD, STORED), matches("x", STORED)
        assert compared == [(32, 32), (32, 32)]

    def test_a_plain_password_is_hashed_at_once(self):
        stored = stored_password({"TL_PASSWORD": WORD})
        assert stored.startswith("scrypt:")
        assert matches(WORD, stored)

    def test_the_command_prints_what_the_server_takes(self):
        told = CliRunner().invoke(app, ["password", "--stdin"], input=f"{WORD}\n")
        assert told.exit_code == 0
        assert WORD not in told.output
        stored = rules(None, {"TL_PASSWORD_HASH": told.stdout.strip()}, oidc=False).password
        assert matches(WORD, stored)
        refused = CliRunner().invoke(app, ["password", "--stdin"], input="short\n")
        assert (refused.exit_code, refused.stdout) == (1, "")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestLogins:
    def test_a_login_lasts_until_it_is_left_or_old(self):
        clock = Clock()
        logins = Logins(STORED, clock)
        one, other = logins.enter("a", WORD), logins.enter("a", WORD)
        assert one != other
        assert logins.knows(one)
        assert not any(map(logins.knows, (None, "", "x", one[:-1], STORED)))
        logins.leave(one)
        assert not logins.knows(one)
        assert logins.knows(other)
        clock.now += LASTS + 1
        assert not logins.knows(other)

    def test_waits_double_up_to_five_minutes(self, monkeypatch):
        clock = Clock()
        logins = Logins(STORED, clock)
        monkeypatch.setattr("tl_core.door.logins.matches", lambda password, _: password == WORD)
        waits = []
        for _ in range(14):
            assert logins.enter("a", "wrong") is None
            waits.append(logins.seconds_to_wait("a"))
            if waits[-1]:
                assert logins.enter("a", WORD) is None, "not even the right one, while waiting"
                assert logins.enter("b", WORD), "others are not held up"
            clock.now += waits[-1]
        assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
        assert logins.enter("a", WORD)
        assert logins.enter("a", "wrong") is None
        assert not logins.seconds_to_wait("a"), "a right password clears the count"

    def test_memory_of_wrong_tries_is_bounded(self, monkeypatch):
        monkeypatch.setattr("tl_core.door.logins.matches", lambda password, _: False)
        logins = Logins(STORED)
        for number in range(10_050):
            logins.enter(str(number), "wrong")
        assert len(logins._wrong) == 10_000


async def _inner(scope, receive, send):
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"inside"})


def door(in_force: Rules, held=dict, admitted=lambda session: True, base="") -> Door:
    logins = Logins(in_force.password) if in_force.password else None
    return Door(_inner, in_force, logins, Uploads(held, admitted), base)


class Answer:
    def __init__(self, messages):
        self.kind = messages[0]["type"]
        self.status = messages[0].get("status")
        self.headers = {k.decode(): v.decode() for k, v in messages[0].get("headers", [])}
        self.text = b"".join(m.get("body", b"") for m in messages[1:]).decode()


def ask(door, path="/", method="GET", kind="http", body=b"", query="", **headers) -> Answer:
    given = {"host": "127.0.0.1:8501", "accept": "text/html"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ("10.0.0.9", 5),
        "server": ("127.0.0.1", 8501),
    }
    if kind == "websocket":
        del scope["method"]
        scope["scheme"] = "ws"
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(door(scope, receive, send))
    return Answer(sent)


def enter(door, password=WORD, query="", **headers) -> Answer:
    body = urlencode({"password": password}).encode()
    return ask(door, "/login", "POST", body=body, query=query, **headers)


class TestDoor:
    def test_alone_it_answers_to_this_machine_only(self):
        alone = door(Rules(alone=True))
        assert ask(alone).text == "inside"
        assert ask(alone, host="localhost:8501").text == "inside"
        assert ask(alone, host="localhost:8501", origin="http://127.0.0.1:8501").text == "inside"
        for headers in (
            {"host": "evil.com"},
            {"x_forwarded_for": "1.2.3.4"},
            {"forwarded": "for=1.2.3.4"},
            {"x_real_ip": "1.2.3.4"},
            {"host": "localhost:8501", "origin": "https://evil.com"},
            {"host": "localhost:8501", "origin": "null"},
        ):
            refused = ask(alone, **headers)
            assert refused.status == 403
            assert "inside" not in refused.text
            assert "tl password" in refused.text
            assert ask(alone, kind="websocket", **headers).kind == "websocket.close"

    def test_open_it_answers_to_everybody(self):
        assert ask(door(Rules()), host="evil.com", x_forwarded_for="1.2.3.4").text == "inside"

    def test_nothing_is_reached_without_the_password(self):
        closed = door(Rules(password=STORED))
        there = ask(closed, "/Train", query="view=Live")
        assert (there.status, there.headers["location"]) == (
            303,
            "/login?next=%2FTrain%3Fview%3DLive",
        )
        for path in (
            "/_stcore/host-config",
            "/media/x.png",
            "/_stcore/upload_file/s/f",
            "/x/login",
        ):
            assert ask(closed, path, accept="*/*").status == 401
            assert ask(closed, path, "PUT").status == 401
        assert ask(closed, "/_stcore/stream", kind="websocket").kind == "websocket.close"
        assert ask(closed, "/_stcore/health").text == "inside", "a monitor may ask"

    def test_the_path_that_the_app_gets_decides_and_no_other(self):
        closed = door(Rules(password=STORED))
        for path, host in (
            ("/_stcore/stream", "x/_stcore/health?"),
            ("/media/x.png", "x/_stcore/health#"),
            # What puts an address together leaves out such characters; the app does not.
            ("/_stcore/hea\tlth", "127.0.0.1:8501"),
        ):
            assert ask(closed, path, host=host, accept="*/*").status == 401, (path, host)
            assert ask(closed, path, kind="websocket", host=host).kind == "websocket.close"
        there = ask(closed, "/Train", query="view=Live", host="x/login?")
        assert there.headers["location"] == "/login?next=%2FTrain%3Fview%3DLive"

    def test_the_password_opens_it_and_logging_out_closes_it(self):
        closed = door(Rules(password=STORED))
        assert 'type="password"' in ask(closed, "/login").text
        entered = enter(closed, query="next=%2FTrain%3Fview%3DLive")
        assert (entered.status, entered.headers["location"]) == (303, "/Train?view=Live")
        cookie = entered.headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Path=/"))
        token = {"cookie": cookie.split(";")[0]}
        assert ask(closed, "/Train", **token).text == "inside"
        assert ask(closed, kind="websocket", **token).kind == "websocket.accept"
        assert ask(closed, "/Train", cookie=f"{COOKIE}=forged").status == 303
        assert ask(closed, "/logout", **token).headers["location"] == "/login"
        assert ask(closed, "/Train", **token).status == 303

    def test_a_wrong_password_is_said_and_slowed_down(self):
        closed = door(Rules(password=STORED))
        for _ in range(4):
            wrong = enter(closed, "wrong horse", query="next=%2FTrain")
            assert wrong.status == 401
            assert "not the password" in wrong.text
            assert "set-cookie" not in wrong.headers
        slowed = enter(closed)
        assert slowed.status == 429
        assert slowed.headers["retry-after"] == "1"
        assert "try again in 1 s" in slowed.text

    @pytest.mark.parametrize(
        "aim", ["https://evil.com/", "//evil.com", "/\\evil.com", "\\\\evil.com", "javascript:x"]
    )
    def test_logging_in_leads_nowhere_else(self, aim):
        entered = enter(door(Rules(password=STORED)), query=urlencode({"next": aim}))
        assert entered.headers["location"] == "/"

    def test_what_is_asked_for_cannot_break_out_of_the_form(self):
        closed = door(Rules(password=STORED))
        form = ask(closed, "/login", query='next="><script>alert(1)</script>')
        assert "<script>" not in form.text
        entered = enter(closed, query="next=%2Fa%0d%0aSet-Cookie:%20x")
        assert entered.headers["location"] == "/aSet-Cookie%3A%20x"

    def test_a_form_from_elsewhere_or_too_large_is_refused(self):
        closed = door(Rules(password=STORED))
        assert enter(closed, origin="https://evil.com").status == 403
        assert enter(closed, origin="http://127.0.0.1:8501").status == 303
        assert enter(closed, WORD + "x" * 9000).status == 401
        crowded = urlencode([(f"f{number}", "x") for number in range(20)] + [("password", WORD)])
        assert ask(closed, "/login", "POST", body=crowded.encode()).status == 401

    def test_below_a_path_of_its_own(self):
        closed = door(Rules(password=STORED), base="lab")
        assert ask(closed, "/lab/Train").headers["location"].startswith("/lab/login?next=%2Flab")
        body = urlencode({"password": WORD}).encode()
        entered = ask(closed, "/lab/login", "POST", body=body, query="next=%2Flab%2FTrain")
        assert entered.headers["location"] == "/lab/Train"
        assert "Path=/lab/" in entered.headers["set-cookie"]

    def test_browsers_are_told_not_to_guess_and_not_to_frame(self):
        for answer in (ask(door(Rules())), ask(door(Rules(password=STORED)), "/login")):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "SAMEORIGIN"


class TestUploads:
    def put(self, door, session="s", file="f", **headers) -> int:
        given = {"content_length": "1000"} | headers
        return ask(door, f"/_stcore/upload_file/{session}/{file}", "PUT", **given).status

    def test_a_session_that_was_not_let_in_may_send_nothing(self):
        closed = door(Rules(users=("*",)), admitted=lambda session: session == "mine")
        assert self.put(closed, "mine") == 200
        assert self.put(closed, "other") == 403

    def test_one_file_has_at_most_20_mb(self):
        assert self.put(door(Rules()), content_length=str(MOST_BYTES)) == 200
        assert self.put(door(Rules()), content_length=str(MOST_BYTES + 2**21)) == 413
        assert self.put(door(Rules()), content_length="") == 411
        assert self.put(door(Rules()), content_length="-5") == 411
        assert self.put(door(Rules()), content_length="5", transfer_encoding="chunked") == 411

    def test_a_session_holds_at_most_50_files(self):
        held = {"s": {f"f{number}": 10 for number in range(MOST_FILES)}}
        full = door(Rules(), held=lambda: held)
        assert self.put(full, file="one more") == 413
        assert self.put(full, file="f3") == 200, "in place of one that is there"
        assert self.put(full, session="another") == 200

    def test_all_sessions_together_hold_at_most_400_mb(self):
        held = {str(number): {"f": 20 * 2**20} for number in range(19)}
        full = door(Rules(), held=lambda: held)
        assert sum(map(len, held.values())) * 20 * 2**20 + 20 * 2**20 == MOST_HELD
        assert self.put(full, content_length=str(20 * 2**20)) == 200
        assert self.put(full, content_length=str(20 * 2**20 + 1)) == 413

    def test_files_on_their_way_count(self):
        uploads = Uploads(dict, lambda session: True)
        paths = [f"/_stcore/upload_file/s/{number}" for number in range(MOST_FILES + 1)]
        with ExitStack() as coming:
            for path in paths[:-1]:
                assert coming.enter_context(uploads.coming(path, "1")) is None
            with uploads.coming(paths[-1], "1") as refusal:
                assert refusal.status == 413
        with uploads.coming(paths[-1], "1") as refusal:
            assert refusal is None

    def test_files_sent_at_once_to_one_place_count_each(self):
        uploads = Uploads(dict, lambda session: True)
        path, length = "/_stcore/upload_file/s/f", str(MOST_BYTES)
        with ExitStack() as others:
            for _ in range(MOST_HELD // MOST_BYTES - 1):
                assert others.enter_context(uploads.coming(path, length)) is None
            for _ in range(2):
                with uploads.coming(path, length) as refusal:
                    assert refusal is None, "there is room for one more each time one has ended"
                    with uploads.coming(path, length) as refusal:
                        assert refusal is not None, "and for one only"
