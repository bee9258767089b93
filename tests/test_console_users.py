"""Users of the console: passwords, sessions, roles, the proxy, the limit on tries, the public address."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from commands import dogwatch
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from console import passwords
from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.gate import COOKIE
from console.picture import Picture
from console.proxy import Trust
from console.server import Server
from console.users import SESSION_H, Users
from dogwatch.config import Config, parse
from dogwatch.errors import ConfigError, InputError
from tests.console_harness import alert

ROOT = Path(__file__).resolve().parent.parent
WORDS = "four calm seals asleep"
ID = f"{1:032x}"
PEOPLE = {"Vera": "viewer", "Ana": "watchstander", "Sol": "supervisor", "Lyn": "analyst", "Otto": "auditor"}


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs of a password that a test can pay; the shipped ones are asserted by themselves."""
    monkeypatch.setattr(passwords, "LOG_N", 4)
    monkeypatch.setattr(passwords, "NOBODY", passwords.hashed(""))


class Room:
    """A console with one alert and the five people."""

    def __init__(self, people: dict[str, str] | None = None, **more: Any) -> None:
        self.board, self.decisions, self.ms = Board(), Decisions(None), 1_000_000
        self.users = Users(self.decisions, clock=lambda: self.ms, proxied="trust" in more)
        for name, role in (PEOPLE if people is None else people).items():
            self.users.add(name, role, WORDS, by="root")
        self.app = create_app(self.board, Picture(), self.decisions, users=self.users, **more)
        self.board.publish(alert(1))

    def client(self, name: str = "", address: str = "testclient") -> TestClient:
        one = TestClient(self.app, client=(address, 50000))
        if name:
            assert one.post("/api/v1/session", json={"name": name, "password": WORDS}).status_code == 200
        return one


def act(client: TestClient, what: str, **body: Any) -> Any:
    revision = client.get(f"/api/v1/alerts/{ID}").json().get("op_revision", 0)
    return client.post(f"/api/v1/alerts/{ID}/{what}", json=body, headers={"If-Match": f'"{revision}"'})


# --- passwords -------------------------------------------------------------------------------------------------------


def test_the_shipped_costs_are_those_of_the_owasp_sheet() -> None:
    text = "import console.passwords as p; s = p.hashed('four calm seals'); print(s); print(p.fits('four calm seals', s), p.fits('four calm seal', s))"
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    stored, answers = done.stdout.split("\n")[:2]
    assert stored.startswith("scrypt$15$8$3$")
    assert answers == "True False"


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60), st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_only_the_password_itself_fits_and_no_two_are_stored_alike(password: str, other: str) -> None:
    stored = passwords.hashed(password)
    assert passwords.fits(password, stored)
    assert passwords.fits(other, stored) == (other == password)
    assert stored != passwords.hashed(password)


@pytest.mark.parametrize("stored", ["", "scrypt", "scrypt$4$8$3$!!$!!", "scrypt$99$8$3$AAAA$AAAA", "scrypt$x$8$3$AAAA$AAAA", "plain$4$8$3$AAAA$AAAA"])
def test_nothing_fits_what_is_no_stored_password(stored: str) -> None:
    assert not passwords.fits("", stored)
    assert not passwords.fits(WORDS, stored)


@pytest.mark.parametrize(("name", "role", "password"), [
    ("Ana", "watchstander", "short"), ("Ana", "watchstander", "ana is my name"), ("Ana", "watchstander", "a" * 20), ("Ana", "watchstander", WORDS * 20),
    ("Ana", "captain", WORDS), ("", "viewer", WORDS),
    ("dogwatch", "viewer", WORDS), ("<b>", "viewer", WORDS), ("a\u202eb", "viewer", WORDS), ("SOL", "viewer", WORDS),
])  # fmt: skip
def test_a_user_who_cannot_be_is_refused(name: str, role: str, password: str) -> None:
    users = Room({"Sol": "supervisor"}).users
    with pytest.raises(InputError):
        users.add(name, role, password, by="root")
    assert [one.name for one in users.all()] == ["Sol"]


# --- sessions and roles ----------------------------------------------------------------------------------------------


def test_with_users_nothing_but_the_door_is_open_to_nobody() -> None:
    room = Room()
    client = room.client()
    for path in (
        "/api/v1/info",
        "/api/alerts",
        f"/api/v1/alerts/{ID}",
        "/api/v1/vessels.bin",
        "/api/v1/events",
        "/metrics",
        "/zones.geojson",
        "/api/v1/openapi.json",
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["error"]) == (401, "log in first"), path
    assert client.get("/").status_code == 200
    assert room.client(address="127.0.0.1").get("/metrics").status_code == 404, "a scraper on this machine is let in; here are none"
    assert set(client.get("/healthz").json()) == {"status", "silent_s", "uptime_s"}
    assert client.get("/api/v1/session").json() == {"users": True, "name": "", "role": "", "desk": "", "exercise": True}
    assert act(client, "ack", by="Eve", seen_revision=1).status_code == 401
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect("/api/v1/vessels"):
        pass
    assert closed.value.code == 1008


def test_a_session_names_and_ends() -> None:
    room = Room()
    client = room.client()
    answer = client.post("/api/v1/session", json={"name": "ANA", "password": WORDS})
    said = answer.headers["set-cookie"].lower()
    assert all(word in said for word in (COOKIE, "httponly", "samesite=strict", f"max-age={SESSION_H * 3600:.0f}", "path=/"))
    assert "secure" not in said, "the console itself speaks plain HTTP, on loopback"
    assert {name: answer.json()[name] for name in ("users", "name", "role", "via")} == {"users": True, "name": "Ana", "role": "watchstander", "via": "session"}
    assert client.get("/api/v1/alerts").status_code == 200
    token = client.cookies[COOKIE]
    assert not room.decisions.store.run("SELECT 1 FROM session WHERE token=?", (token,)), "only a hash of it is stored"
    assert client.post("/api/v1/session/end", json={}).json()["name"] == ""
    client.cookies.set(COOKIE, token)
    assert client.get("/api/v1/alerts").status_code == 401, "the cookie is worth nothing once it was ended"
    assert [(row["action"], row["user"], row["role"]) for row in room.decisions.log()][-2:] == [
        ("log-in", "Ana", "watchstander"),
        ("log-out", "Ana", "watchstander"),
    ]
    assert room.decisions.verify() is None


def test_a_log_in_makes_a_session_of_its_own_and_ends_the_one_it_comes_from() -> None:
    room = Room()
    client = room.client()
    client.cookies.set(COOKIE, "chosen-by-somebody-else")
    client.post("/api/v1/session", json={"name": "Ana", "password": WORDS})
    first = room.client()
    first.cookies.set(COOKIE, next(value for value in client.cookies.jar if value.value != "chosen-by-somebody-else").value)
    assert first.cookies[COOKIE] != "chosen-by-somebody-else"
    token = first.cookies[COOKIE]
    assert first.post("/api/v1/session", json={"name": "Ana", "password": WORDS}).status_code == 200
    old = room.client()
    old.cookies.set(COOKIE, token)
    assert old.get("/api/v1/alerts").status_code == 401, "whoever sat there before is not logged in any more"


def test_a_session_is_over_by_time_by_a_new_password_and_with_its_user() -> None:
    room = Room()
    late, changed, removed = room.client("Ana"), room.client("Sol"), room.client("Lyn")
    room.users.set_password("Sol", "another set of words", by="root")
    room.users.remove("lyn", by="root")
    assert [one.get("/api/v1/alerts").status_code for one in (late, changed, removed)] == [200, 401, 401]
    room.ms += round(SESSION_H * 3_600_000) - 1
    assert late.get("/api/v1/alerts").status_code == 200
    room.ms += 1
    assert late.get("/api/v1/alerts").status_code == 401


def test_what_another_process_does_to_users_holds_here(tmp_path: Path) -> None:
    here, there = (Users(Decisions(tmp_path / "d.sqlite")) for _ in range(2))
    assert not here.required
    there.add("Ana", "watchstander", WORDS, by="root")
    here.refresh()
    assert here.required
    found = here.log_in("Ana", WORDS)
    assert found is not None
    there.refresh()
    assert there.who(found[0]) == found[1]
    there.remove("Ana", by="root")
    here.refresh()
    assert here.who(found[0]) is None
    assert here.required, "a console that asked who it is never stops asking"


@pytest.mark.parametrize("name", PEOPLE)
def test_name_and_role_come_from_the_session_never_from_the_body(name: str) -> None:
    room = Room()
    client = room.client(name)
    answer = act(client, "ack", by="Eve", role="supervisor", seen_revision=1)
    if PEOPLE[name] in ("viewer", "auditor"):
        assert answer.status_code == 403
        assert answer.json()["remedy"] == "ask a watchstander or supervisor or analyst"
        assert act(client, "own", by="Eve", role="supervisor").status_code == 403
        assert not [row for row in room.decisions.log() if row["alert_id"]]
        return
    assert answer.json()["ack"]["by"] == name
    answer = act(client, "assign", by="Eve", role="supervisor", of="Ben")
    assert answer.status_code == (200 if PEOPLE[name] == "supervisor" else 403)
    if PEOPLE[name] != "supervisor":
        assert answer.json()["remedy"] == "ask a supervisor"
    assert {(row["user"], row["role"]) for row in room.decisions.log() if row["alert_id"]} == {(name, PEOPLE[name])}


def test_without_users_people_say_who_they_are() -> None:
    room = Room({})
    client = room.client()
    assert client.get("/api/v1/session").json()["users"] is False
    assert act(client, "ack", by="Ana", role="auditor", seen_revision=1).status_code == 403
    assert act(client, "ack", by="Ana", seen_revision=1).json()["ack"]["by"] == "Ana"


def test_tries_have_a_limit_per_address_and_per_name() -> None:
    room = Room()
    wrong = {"name": "Ana", "password": "not the words at all"}
    one = room.client(address="192.0.2.1")
    assert one.post("/api/v1/session", json={"name": "Nobody", "password": WORDS}).json()["error"] == "name and password do not fit"
    assert [one.post("/api/v1/session", json=wrong).status_code for _ in range(10)] == [401] * 9 + [429]
    refused = one.post("/api/v1/session", json={"name": "Ana", "password": WORDS})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "300"), "the right words do not count either, then"
    for n in range(2, 13):
        room.client(address=f"192.0.2.{n}").post("/api/v1/session", json=wrong)
    elsewhere = room.client(address="192.0.2.99")
    assert elsewhere.post("/api/v1/session", json={"name": "Ana", "password": WORDS}).status_code == 429
    for _ in range(25):  # a whole watch behind one address
        assert elsewhere.post("/api/v1/session", json={"name": "Sol", "password": WORDS}).status_code == 200


def test_a_log_in_from_a_page_of_elsewhere_is_refused() -> None:
    answer = Room().client().post("/api/v1/session", json={"name": "Ana", "password": WORDS}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


# --- the proxy -------------------------------------------------------------------------------------------------------

TRUST = Trust("10.0.0.7", "X-User", "X-Role")


def test_the_configured_proxy_names_people_and_nobody_else_does() -> None:
    room = Room({"Ana": "supervisor"}, trust=TRUST)
    proxy, other = room.client(address="10.0.0.7"), room.client(address="10.0.0.8")
    assert proxy.get("/api/v1/session", headers={"X-User": "ana", "X-Role": "analyst"}).json()["role"] == "analyst"
    said = [proxy.get("/api/v1/session", headers=h).json() for h in ({"X-User": "ana"}, {"X-User": "ben"}, {"X-User": "ben", "X-Role": "god"}, {})]
    assert [(one["name"], one["role"]) for one in said] == [("Ana", "supervisor"), ("ben", "viewer"), ("ben", "viewer"), ("", "")]
    assert other.get("/api/v1/alerts", headers={"X-User": "ana", "X-Role": "supervisor"}).status_code == 401
    assert proxy.get("/api/v1/alerts", headers=[("X-User", "ana"), ("X-User", "sol")]).status_code == 401, "two names are none"
    headers = {"X-User": "Sol", "X-Role": "watchstander", "If-Match": '"0"'}
    answer = proxy.post(f"/api/v1/alerts/{ID}/ack", json={"by": "Eve", "seen_revision": 1}, headers=headers)
    assert answer.json()["ack"]["by"] == "Sol"


def test_behind_the_proxy_limits_go_by_the_person_and_the_cookie_is_for_tls_only() -> None:
    room = Room(trust=Trust("10.0.0.7"))
    wrong = {"name": "Ana", "password": "not the words at all"}
    proxy = room.client(address="10.0.0.7")
    for _ in range(11):
        last = proxy.post("/api/v1/session", json=wrong, headers={"X-Forwarded-For": "9.9.9.9, 192.0.2.1"})
    assert last.status_code == 429
    headers = {"X-Forwarded-For": "192.0.2.1, 192.0.2.2", "X-Forwarded-Proto": "https", "Origin": "https://testserver"}
    answer = proxy.post("/api/v1/session", json={"name": "Sol", "password": WORDS}, headers=headers)
    assert answer.status_code == 200
    assert "secure" in answer.headers["set-cookie"].lower()
    said = room.client(address="10.0.0.8").get("/api/v1/session", headers={"X-User": "ana"})
    assert said.json()["name"] == "", "no header is configured"


@pytest.mark.parametrize("text", ['user_header = "X-User"', 'proxy = "10.0.0.7"\nrole_header = "X-Role"', "session_h = 0"])
def test_half_a_proxy_is_a_fault_of_the_configuration(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(f"[console]\n{text}\n", Config, file="c.toml")
    whole = '[console]\nproxy = "10.0.0.7"\nuser_header = "X-User"\nrole_header = "X-Role"\nhosts = ["watch.example"]\n'
    assert parse(whole, Config, file="c.toml").console.hosts == ["watch.example"]


# --- a real server ---------------------------------------------------------------------------------------------------


@pytest.fixture
def public() -> Iterator[tuple[str, Room]]:
    room = Room()
    room.ms = round(time.time() * 1000)
    server = Server(room.app)
    yield server.start("0.0.0.0", 0), room
    server.stop()


def test_a_public_address_needs_users(public: tuple[str, Room]) -> None:
    assert httpx.get(public[0] + "api/v1/session", timeout=10).json()["users"] is True
    with pytest.raises(InputError, match="dogwatch users add"):
        Server(Room({}).app).start("0.0.0.0", 0)
    assert httpx.get(public[0], headers={"Host": "192.0.2.44:8642"}, timeout=10).status_code == 200
    assert httpx.get(public[0], headers={"Host": "evil.example"}, timeout=10).status_code == 403, "a name can be bound anew, figures cannot"


def test_an_open_stream_ends_with_its_session(public: tuple[str, Room]) -> None:
    url, room = public
    with httpx.Client(base_url=url, timeout=20) as client:
        assert client.post("api/v1/session", json={"name": "Ana", "password": WORDS}).status_code == 200
        with client.stream("GET", "api/v1/events") as answer:
            lines = answer.iter_lines()
            next(lines)
            room.users.remove("Ana", by="root")
            rest = sum(1 for _ in lines)  # ends by itself, or the client runs out of time
        assert rest < 100
        assert client.get("api/v1/alerts").status_code == 401


# --- the command line ------------------------------------------------------------------------------------------------


def run(folder: Path, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return dogwatch("users", *words, cwd=folder, typed=typed)


def test_users_are_kept_by_commands(tmp_path: Path) -> None:
    database = ("--database", str(tmp_path / "d.sqlite"))
    missing = run(tmp_path, "list", *database)
    assert missing.returncode == 2
    assert "there is no database at" in missing.stderr
    added = run(tmp_path, "add", "Ana", "--role", "watchstander", "--password-stdin", *database, typed=WORDS + "\n")
    assert (added.returncode, added.stdout) == (0, ""), added.stderr
    assert run(tmp_path, "add", "Ana", "--role", "viewer", "--generate", *database).returncode == 2
    assert run(tmp_path, "add", "Pia", "--role", "viewer", *database).returncode == 2, "no terminal, no password"
    changed = run(tmp_path, "passwd", "ana", "--generate", *database)
    users = Users(Decisions(tmp_path / "d.sqlite"))
    assert users.log_in("Ana", WORDS) is None
    assert users.log_in("Ana", changed.stdout.strip()) is not None
    assert run(tmp_path, "add", "Pia", "--role", "viewer", "--no-password", *database).returncode == 0
    assert run(tmp_path, "list", *database).stdout.splitlines() == [
        "Ana                      watchstander",
        "Pia                      viewer       through the proxy only",
    ]
    assert run(tmp_path, "remove", "Ana", *database).returncode == 0
    log = Decisions(tmp_path / "d.sqlite").log()
    assert [row["action"] for row in log] == ["user added", "password changed", "log-in", "user added", "user removed"]
    assert not any(WORDS in str(row) or changed.stdout.strip() in str(row) for row in log)
