"""The bench of a console: checks texts of rules and zones, and runs their back-tests beside the run, each as a process of its own.

May hold: reading texts as the run reads them, starting, watching and ending the process, keeping its results. May not: the back-test itself
(runners/rehearsal.py), scoring its events anew (runners/resweep.py), who may activate what (console/versions.py).

A back-test is a folder: `asked.json`, `progress.json` while it runs, then `result.json`, `report.html` and, of the newest, its events. One runs at a
time, with little priority, so that the watch goes on. Results that no version refers to are forgotten, the oldest first.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from console.editing import Editor
from console.versions import ENDINGS, Versions, text_hash
from dogwatch.config import Config, plain_of
from dogwatch.errors import ConfigError, DogwatchError, InputError
from risk.plain import profile_text
from runners.ledger import replace_file
from runners.normality import read_model
from runners.profile_text import with_value
from runners.rehearsal import Asked
from runners.resweep import EVENTS, Resweep
from runners.rules import configured_text, no_zones, profile_schema, read_profile
from tracks.presets import rules_of
from zones.check import check as check_zones
from zones.coast import Coast
from zones.kinds import KINDS, SUBKINDS

JOB_S_MAX = 3600.0
KEPT_MAX = 20  # results that no version refers to; a few hundred kilobytes each
STOP_S = 5.0
KINDS_TOLD = {kind: list(SUBKINDS.get(kind, ())) for kind in KINDS}  # what a zone may be, for whoever draws one


class Workbench:
    """See console.editing.Bench. `folder`: where back-tests are kept. Thread-safe."""

    def __init__(self, config: Config, folder: Path, coast: Coast | None = None) -> None:
        self.config, self.folder, self._coast = config, folder, coast
        self.recordings = [Path(name).name for name in config.backtest.recordings]
        self._lock = threading.RLock()
        self._sweeping = threading.Lock()
        self._swept: tuple[str, Resweep] | None = None  # of the back-test that was asked last
        self._job: tuple[str, subprocess.Popen[bytes], float] | None = None

    def check(self, kind: str, text: str) -> dict[str, Any]:
        """Whether a text would be taken: `ok`, `faults` (line, key, what, remedy), `notes`, `explained`."""
        return self._check_rules(text) if kind == "rules" else self._check_zones(text)

    def schema(self, kind: str) -> dict[str, Any]:
        """The JSON Schema of a profile. Raises InputError for zones, which are drawn."""
        if kind != "rules":
            raise InputError("zones have no form", remedy="draw them, or change their GeoJSON")
        return profile_schema()

    def with_value(self, kind: str, text: str, path: list[str | int], value: Any) -> str:
        """A profile's text with one value changed; None takes it out. Raises InputError."""
        if kind != "rules":
            raise InputError("zones have no fields", remedy="draw them, or change their GeoJSON")
        return with_value(text, path, value)

    def swept(self, test: str, text: str) -> dict[str, Any]:
        """What a text of the rules, free of faults, would tell on the events of a back-test that is done. Raises InputError where they cannot say it."""
        if (progress := self.progress(test)) is None or progress["state"] != "done" or progress["kind"] != "rules":
            raise InputError("there is no such back-test", remedy="run one")
        with self._sweeping:
            if self._swept is None or self._swept[0] != test:
                tested = msgspec.json.decode((self.folder / test / "asked.json").read_bytes(), type=Asked).text
                model = read_model(Path(self.config.normality)) if self.config.normality else None
                self._swept = (test, Resweep(self.folder / test, read_profile(self.config.profile, tested), model))
            profile = read_profile(self.config.profile, text)
            return self._swept[1].told(profile, rules_of(profile.detectors, file=self.config.profile).params_hash)

    def start(self, kind: str, text: str, before: str, keep: set[str]) -> str:
        """Begin a back-test; its id. Raises InputError when one runs already, or nothing is there to run it on."""
        with self._lock:
            self._settle()
            if not self.config.backtest.recordings:
                raise InputError("no recorded day is configured", remedy='name one: [backtest] recordings = ["day.nmea"], and start again')
            if self._job is not None:
                raise InputError("a back-test is running already", remedy="wait for it, or cancel it")
            self._forget(keep)
            test = f"{time.time_ns():x}"
            folder = self.folder / test
            folder.mkdir(parents=True)
            replace_file(folder / "asked.json", msgspec.json.encode(Asked(kind, text, before, text_hash(text), text_hash(before), self.config)))
            root = str(Path(__file__).resolve().parent.parent)
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
            with (folder / "said.txt").open("wb") as said:
                command = [sys.executable, "-m", "runners.rehearsal", str(folder)]
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment)
            self._job = (test, process, time.monotonic())
            return test

    def progress(self, test: str) -> dict[str, Any] | None:
        """How far a back-test is; its result once it is done; None of an id that is not known."""
        with self._lock:
            self._settle()
            folder = self.folder / test
            if not test.isalnum() or not (folder / "asked.json").is_file():
                return None
            asked = msgspec.json.decode((folder / "asked.json").read_bytes(), type=Asked)
            about = {"test": test, "kind": asked.kind, "hash": asked.hash, "base": asked.base}
            if (folder / "result.json").is_file():
                return {**about, "share": 1.0, **msgspec.json.decode((folder / "result.json").read_bytes())}
            known = (folder / "progress.json").is_file()
            share = msgspec.json.decode((folder / "progress.json").read_bytes()) if known else {"share": 0.0, "event_time": None}
            return {**about, **share, "state": "running" if self._job is not None and self._job[0] == test else "failed", "what": "it was interrupted"}

    def report(self, test: str) -> bytes | None:
        """The report of a back-test that is done."""
        path = self.folder / test / "report.html"
        return path.read_bytes() if test.isalnum() and path.is_file() else None

    def cancel(self, test: str) -> None:
        """End a back-test that is running."""
        with self._lock:
            self._settle()
            if self._job is not None and self._job[0] == test:
                self._end("cancelled", "a person ended it")

    def close(self) -> None:
        """End what is running."""
        with self._lock:
            self._settle()
            if self._job is not None:
                self._end("cancelled", "the run ended")

    def _settle(self) -> None:
        """Look after the process: over, or running for too long."""
        if self._job is None:
            return
        test, process, begun = self._job
        if process.poll() is None:
            if time.monotonic() - begun > JOB_S_MAX:
                self._end("failed", f"it took longer than {JOB_S_MAX:g} s; give a shorter recording")
            return
        self._job = None
        if not (self.folder / test / "result.json").is_file():
            said = (self.folder / test / "said.txt").read_text(errors="replace").strip().splitlines()
            self._result(test, "failed", said[-1] if said else f"the process ended with {process.returncode}")

    def _end(self, state: str, what: str) -> None:
        assert self._job is not None, "only a running one is ended"
        test, process, _ = self._job
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
        self._job = None
        if not (self.folder / test / "result.json").is_file():
            self._result(test, state, what)

    def _result(self, test: str, state: str, what: str) -> None:
        replace_file(self.folder / test / "result.json", msgspec.json.encode({"state": state, "what": what}))

    def _forget(self, keep: set[str]) -> None:
        for events in self.folder.glob(f"*/{EVENTS}"):  # they are large, and the page asks for those of the newest only
            events.unlink(missing_ok=True)
        known = sorted(path for path in self.folder.iterdir() if path.is_dir() and path.name not in keep) if self.folder.is_dir() else []
        for path in known[: max(0, len(known) - KEPT_MAX + 1)]:
            shutil.rmtree(path, ignore_errors=True)

    def _check_rules(self, text: str) -> dict[str, Any]:
        found: dict[str, Any] = {"ok": False, "faults": [], "notes": [], "explained": [], "plain": None}
        with contextlib.suppress(ConfigError):  # where it cannot be read, the check of the profile says where
            found["plain"] = plain_of(text, file=self.config.profile)
        try:
            profile = read_profile(self.config.profile, text)
        except ConfigError as fault:
            faults = fault.value if isinstance(fault.value, list) else [fault]
            found["faults"] = [{"line": one.line, "file": one.file, "key": one.key, "what": one.what, "remedy": one.remedy} for one in faults]
        except DogwatchError as fault:
            found["faults"] = [{"line": 0, "file": "", "key": "", "what": fault.what, "remedy": fault.remedy}]
        else:
            found |= {"ok": True, "explained": profile_text(profile), "profile_hash": profile.content_hash}
        return found

    def _check_zones(self, text: str) -> dict[str, Any]:
        if no_zones(text):
            notes = ["no zone is drawn: only the built-in belts and ports count"]
            return {"ok": True, "faults": [], "notes": notes, "explained": [], "zones": [], "kinds": KINDS_TOLD}
        with tempfile.TemporaryDirectory(prefix="dogwatch-zones-") as folder:
            path = Path(folder) / "zones.geojson"
            path.write_text(text, encoding="utf-8")
            row = check_zones([str(path)], self._coast)["files"][0]
        faults = [{"file": "zones", "key": one["feature"], **{name: one[name] for name in ("line", "what", "remedy", "place")}} for one in row["faults"]]
        notes = [f"{one['feature']} {one['what']}" for one in row["notes"]]
        return {"ok": row["ok"], "faults": faults, "notes": notes, "explained": [], "zones": row["zones"], "kinds": KINDS_TOLD}


def editor_of(config: Config, versions: dict[str, Versions], folder: Path, coast: Coast | None = None) -> Editor:
    """What the console edits: `versions` as they are in force now, tested under `folder`."""
    return Editor(Workbench(config, folder, coast), versions, {kind: one.active().hash for kind, one in versions.items()})


def versions_of(config: Config, folder: Path) -> dict[str, Versions]:
    """The versions of rules and zones under a folder, on top of what the configuration names. Raises InputError/ConfigError."""
    return {kind: Versions(folder, kind, configured_text(kind, config)) for kind in ENDINGS}
