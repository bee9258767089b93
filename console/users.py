"""Who may use the console, and who has logged in. The repository of accounts and sessions.

May live here: accounts, roles, sessions and their end. May not: HTTP, cookies (console/login.py), what a role may do (console/life.py).

They stand in the database of the decisions, so that consoles which share it share them. `who` answers from memory and never waits for the
database; `refresh` brings in what other processes did (the console calls it every second), so a user removed elsewhere is out within a second.
Of a session only a hash is stored: whoever reads the database cannot use one. Once there was a user this process asks everybody who they
are until it ends, even if the last user is removed. Thread-safe.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from console.board import wall_ms
from console.decisions import Act, Decisions
from console.passwords import check, fits, hashed
from dogwatch.errors import InputError

ROLES = ("viewer", "watchstander", "supervisor", "analyst", "auditor")
NAME = re.compile(r"[^\W\d_][\w .'@-]{0,59}")
RESERVED = ("dogwatch",)  # signs for what the program itself does
SESSION_H = 12.0  # longer than any watch
USERS_MAX = 1000
SESSIONS_MAX = 10_000  # beyond it the oldest end


class Person(msgspec.Struct, frozen=True):
    """Who asks: name, role, and how that is known. `until_ms`: when they are asked again (UTC), None where a proxy says it each time."""

    name: str
    role: str
    via: str
    until_ms: int | None = None


class Account(msgspec.Struct, frozen=True):
    """A user. `password`: what console/passwords.py stores; "" = comes through a proxy only."""

    name: str
    role: str
    password: str
    wall_ms: int


class Users:
    """The repository. `clock`: UTC ms. `proxied`: a trusted proxy names people, so everybody is asked even without an account."""

    def __init__(self, decisions: Decisions, *, session_h: float = SESSION_H, proxied: bool = False, clock: Callable[[], int] = wall_ms) -> None:
        self._decisions, self._store = decisions, decisions.store
        self._session_ms = round(session_h * 3_600_000)
        self._clock = clock
        self._lock = threading.RLock()
        self._accounts: dict[str, Account] = {}
        self._sessions: dict[str, tuple[str, int]] = {}
        self._reads, self._newest = itertools.count(1), 0  # an older reading never replaces a newer one
        self.required = proxied
        self.refresh()

    def refresh(self) -> None:
        """Read accounts and sessions as they are now. Raises StoreError."""
        number = next(self._reads)
        accounts = self._store.run("SELECT name, role, password, wall_ms FROM account")
        sessions = self._store.run("SELECT token, name, until_ms FROM session")
        with self._lock:
            if number < self._newest:
                return
            self._newest = number
            self._accounts = {row["name"].casefold(): Account(**row) for row in accounts}
            self._sessions = {row["token"]: (row["name"].casefold(), row["until_ms"]) for row in sessions}
            self.required = self.required or bool(self._accounts)

    def now(self) -> int:
        """UTC ms by the clock that sessions end by."""
        return self._clock()

    def all(self) -> list[Account]:
        """Every user, by name."""
        with self._lock:
            return sorted(self._accounts.values(), key=lambda one: one.name.casefold())

    def account(self, name: str) -> Account | None:
        """The user of a name, whatever its capitals."""
        with self._lock:
            return self._accounts.get(name.casefold())

    def who(self, token: str) -> Person | None:
        """Whose session this is; None when it is nobody's, over, or its user is gone."""
        with self._lock:
            name, until_ms = self._sessions.get(_digest(token), ("", 0))
            account = self._accounts.get(name)
        if account is None or until_ms <= self._clock():
            return None
        return Person(account.name, account.role, "session", until_ms)

    def add(self, name: str, role: str, password: str, *, by: str) -> None:
        """A new user, logged. password "": comes through a proxy only. Raises InputError, StoreError."""
        if not NAME.fullmatch(name) or name != " ".join(name.split()) or name.casefold() in RESERVED:
            raise InputError(f"'{name[:80]}' is no name for a user", remedy="begin with a letter; letters, digits, space and . ' @ - follow, 60 in all")
        if role not in ROLES:
            raise InputError(f"no such role: '{role[:40]}'", remedy=f"one of {', '.join(ROLES)}")
        if password:
            check(password, name)
        stored = hashed(password) if password else ""
        with self._store.writing():
            self.refresh()
            if self.account(name) is not None:
                raise InputError(f"there is a user '{name}' already", remedy="remove it first, or take another name")
            if len(self._accounts) >= USERS_MAX:
                raise InputError(f"there are {USERS_MAX} users already", remedy="remove some, or let a proxy name them")
            self._store.run("INSERT INTO account (name, role, password, wall_ms) VALUES (?,?,?,?)", (name, role, stored, self._clock()))
            self._note("user added", by, f"{name} as {role}")
        self.refresh()

    def remove(self, name: str, *, by: str) -> None:
        """Take a user away, and end what they have open. Their entries in the log stay. Raises InputError, StoreError."""
        with self._store.writing():
            account = self._known(name)
            self._store.run("DELETE FROM session WHERE name=?", (account.name,))
            self._store.run("DELETE FROM account WHERE name=?", (account.name,))
            self._note("user removed", by, f"{account.name}, {account.role}")
        self.refresh()

    def set_password(self, name: str, password: str, *, by: str) -> None:
        """Another password; every session of the user ends. Raises InputError, StoreError."""
        check(password, name)
        stored = hashed(password)
        with self._store.writing():
            account = self._known(name)
            self._store.run("UPDATE account SET password=? WHERE name=?", (stored, account.name))
            self._store.run("DELETE FROM session WHERE name=?", (account.name,))
            self._note("password changed", by, account.name)
        self.refresh()

    def log_in(self, name: str, password: str, *, station: str = "") -> tuple[str, Person] | None:
        """(token of the new session, who it is), or None where name and password do not fit. Raises StoreError."""
        account = self.account(name)
        if not fits(password, account.password if account else "") or account is None:
            return None
        token, now = secrets.token_urlsafe(32), self._clock()
        until_ms = now + self._session_ms
        with self._store.writing():
            self._store.run("DELETE FROM session WHERE until_ms <= ?", (now,))
            keep = "SELECT token FROM session ORDER BY until_ms DESC LIMIT ?"
            self._store.run(f"DELETE FROM session WHERE token NOT IN ({keep})", (SESSIONS_MAX - 1,))
            self._store.run("INSERT INTO session (token, name, until_ms) VALUES (?,?,?)", (_digest(token), account.name, until_ms))
            self._decisions.note(Act("log-in", account.name, account.role, now, None, station=station))
        self.refresh()
        return token, Person(account.name, account.role, "session", until_ms)

    def log_out(self, token: str) -> None:
        """End a session, logged. Nothing happens where it is over already. Raises StoreError."""
        person = self.who(token)
        if person is None:
            return
        with self._store.writing():
            self._store.run("DELETE FROM session WHERE token=?", (_digest(token),))
            self._decisions.note(Act("log-out", person.name, person.role, self._clock(), None))
        self.refresh()

    def _known(self, name: str) -> Account:
        self.refresh()
        account = self.account(name)
        if account is None:
            raise InputError(f"there is no user '{name[:80]}'", remedy="dogwatch users list shows them")
        return account

    def _note(self, action: str, by: str, words: str) -> None:
        self._decisions.note(Act(action, by, "system", self._clock(), None, reason=words))


def plain_account(account: Account) -> dict[str, Any]:
    """A user for a list, without what is stored of the password."""
    return {"name": account.name, "role": account.role, "password": bool(account.password), "since_ms": account.wall_ms}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
