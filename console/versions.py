"""Versions of what decides: rules, zones. Who proposed which text, on what back-test, who put it in force, and what was in force before.

May live here: the journal of one kind of text and its rules (four eyes, no activation without a back-test). May not: what a text means,
how it is tested (the runners hand that in), HTTP.

    configured (number 0) ---- in force until something else is
    proposed --activate--> active --(another is activated)--> former --activate (roll-back)--> active
    proposed --withdraw--> withdrawn

A text is a file named by its own SHA-256; the journal is append-only, each line carries the hash of the line before it and is on the disk
before the answer. Which version is in force follows from the journal alone. One process writes; its calls may come from any thread.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Literal

import msgspec

from console.life import RefusedError
from dogwatch.errors import InputError

State = Literal["configured", "proposed", "active", "former", "withdrawn"]
MAY_DECIDE = ("analyst", "supervisor")
ENDINGS = {"rules": "toml", "zones": "geojson"}
VERSIONS_MAX = 10_000  # a version each day for a generation; a program that proposes in a loop is stopped


class Act(msgspec.Struct, frozen=True):
    """A line of the journal. `base`: hash of the text in force that the back-test `test` compared with. `digest` covers all else."""

    seq: int
    wall_ms: int
    action: Literal["propose", "activate", "withdraw"]
    number: int
    hash: str
    by: str
    role: str
    reason: str
    base: str
    test: str
    previous: str
    digest: str = ""

    def sealed(self) -> Act:
        """The same with its digest."""
        plain = msgspec.json.encode(msgspec.structs.replace(self, digest=""))
        return msgspec.structs.replace(self, digest=hashlib.sha256(plain).hexdigest())


class Version(msgspec.Struct):
    """One text and its life. `acts`: who did what to it, oldest first."""

    number: int
    hash: str
    state: State
    base: str = ""
    test: str = ""
    acts: list[Act] = []

    @property
    def proposer(self) -> str:
        """Who proposed it; nobody of what the configuration names."""
        return self.acts[0].by if self.acts else ""


class Versions:
    """All versions of one kind in a folder. `configured`: the text that the configuration names, number 0."""

    def __init__(self, folder: Path, kind: str, configured: str) -> None:
        self.folder, self.kind, self.configured = folder / kind, kind, configured
        self._lock = threading.RLock()

    def all(self) -> list[Version]:
        """Every version, number 0 first. Raises InputError for a journal that was tampered with."""
        found = [Version(0, text_hash(self.configured), "active")]
        for act in self.journal():
            if act.action == "propose":
                found.append(Version(act.number, act.hash, "proposed", act.base, act.test, [act]))
                continue
            version = found[act.number]
            version.acts = [*version.acts, act]
            if act.action == "activate":
                for other in found:
                    if other.state == "active":
                        other.state = "former" if other.number else "configured"
            version.state = "active" if act.action == "activate" else "withdrawn"
        return found

    def active(self) -> Version:
        """The one in force from the next start on."""
        return next(version for version in self.all() if version.state == "active")

    def active_text(self) -> str | None:
        """The text in force; None where that is what the configuration names. Raises InputError when it is gone or not what was activated."""
        version = self.active()
        return self.text(version) if version.number else None

    def text(self, version: Version) -> str:
        """The text of a version. Raises InputError when it is gone or was changed."""
        if version.number == 0:
            return self.configured
        path = self._path(version.hash)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            raise InputError(f"cannot read {path}, version {version.number} of the {self.kind}: {fault}", remedy="restore it from a backup") from fault
        if text_hash(text) != version.hash:
            raise InputError(f"{path} is not what was proposed as version {version.number}", remedy="restore it from a backup, or activate another version")
        return text

    def journal(self) -> list[Act]:
        """Every line, oldest first. Raises InputError for the first that does not fit the one before."""
        path = self.folder / "journal.ndjson"
        data = path.read_bytes() if path.exists() else b""
        found: list[Act] = []
        for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):  # a line that a crash cut in half was never answered
            try:
                act = msgspec.json.decode(line, type=Act)
            except msgspec.MsgspecError as fault:
                raise _tampered(path, number) from fault
            if act != act.sealed() or act.seq != number or act.previous != (found[-1].digest if found else ""):
                raise _tampered(path, number)
            found.append(act)
        return found

    def propose(self, text: str, *, base: str, test: str, by: str, role: str, reason: str, seen: int, wall_ms: int) -> Version:
        """A new version of a text that was tested against the one in force (`base`). `seen`: lines of the journal that the page knew. Raises RefusedError."""
        with self._lock:
            every = self._may(by, role, reason, seen)
            name, now = text_hash(text), next(one for one in every if one.state == "active")
            if name == now.hash:
                raise RefusedError(409, "this is what is in force already", "change something first")
            if base != now.hash:
                raise RefusedError(409, "the back-test compared with something else than what is in force", "run it again")
            if len(every) >= VERSIONS_MAX:
                raise RefusedError(409, f"there are {VERSIONS_MAX} versions", "move the folder of versions away and start afresh")
            self._keep(name, text)
            self._write("propose", Version(len(every), name, "proposed", base, test), by, role, reason, wall_ms)
            return self.all()[-1]

    def activate(self, number: int, *, by: str, role: str, reason: str, seen: int, wall_ms: int) -> Version:
        """Put a proposed version in force, or a former one again (roll-back): never by whom it was proposed. Raises RefusedError."""
        with self._lock:
            every = self._may(by, role, reason, seen)
            version = self._one(every, number)
            if version.state not in ("proposed", "former", "configured"):
                raise RefusedError(409, f"version {number} is {version.state}", "choose one that is proposed, or was in force before")
            if _same(by, version.proposer):
                raise RefusedError(403, "who proposed a version never activates it", "ask another analyst or supervisor: four eyes")
            if version.state == "proposed" and version.base != next(one.hash for one in every if one.state == "active"):
                raise RefusedError(409, "something else is in force since its back-test", "test it again and propose it anew")
            self.text(version)  # it is still there, and still the same
            self._write("activate", version, by, role, reason, wall_ms)
            return self.all()[number]

    def withdraw(self, number: int, *, by: str, role: str, reason: str, seen: int, wall_ms: int) -> Version:
        """Take a proposal off the table. Raises RefusedError."""
        with self._lock:
            version = self._one(self._may(by, role, reason, seen), number)
            if version.state != "proposed":
                raise RefusedError(409, f"version {number} is {version.state}", "only a proposal is withdrawn")
            self._write("withdraw", version, by, role, reason, wall_ms)
            return self.all()[number]

    def _may(self, by: str, role: str, reason: str, seen: int) -> list[Version]:
        if not (by and reason):
            raise RefusedError(422, "a name or a reason is missing", "say who you are, and why")
        if role not in MAY_DECIDE:
            raise RefusedError(403, f"a {role or 'person without a role'} may not decide about {self.kind}", f"ask a {' or '.join(MAY_DECIDE)}")
        if seen != len(self.journal()):
            raise RefusedError(412, "somebody decided before you", "look at the versions as they are now, then repeat yours if it still stands")
        return self.all()

    def _one(self, every: list[Version], number: int) -> Version:
        if not 0 <= number < len(every):
            raise RefusedError(404, f"there is no version {number}", "the list of versions has their numbers")
        return every[number]

    def _write(self, action: Literal["propose", "activate", "withdraw"], version: Version, by: str, role: str, reason: str, wall_ms: int) -> None:
        before = self.journal()
        previous = before[-1].digest if before else ""
        act = Act(len(before) + 1, wall_ms, action, version.number, version.hash, by, role, reason, version.base, version.test, previous).sealed()
        path = self.folder / "journal.ndjson"
        self.folder.mkdir(parents=True, exist_ok=True)
        with path.open("r+b" if path.exists() else "w+b") as file:
            data = file.read()
            file.seek(data.rfind(b"\n") + 1)
            file.truncate()
            file.write(msgspec.json.encode(act) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _keep(self, name: str, text: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(name)
        with path.with_suffix(".new").open("wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        path.with_suffix(".new").replace(path)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.{ENDINGS[self.kind]}"


def text_hash(text: str) -> str:
    """What a text is known by: SHA-256 of its UTF-8 bytes, 64 hex digits."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _same(one: str, other: str) -> bool:
    return bool(other) and " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _tampered(path: Path, line: int) -> InputError:
    return InputError(f"{path}:{line} does not fit the line before it: the journal was changed", remedy="restore it from a backup")
