"""The desk: console, metrics and the words on the terminal around one engine. May hold: publishing what an engine call brought.

May not: read sources, detect, score. The picture gets the fixes as they were decoded, before the reorder buffer;
alerts reach board and terminal in the call that made them.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console as Terminal

from dogwatch.alerts import Alert, alert_from_json
from dogwatch.batch import T_MISSING, UNITS_PER_DEG
from dogwatch.config import Console, Webhook
from dogwatch.errors import InputError
from dogwatch.events import event_from_json
from dogwatch.geo import NM_M
from dogwatch.times import iso
from ingest.source import Received
from runners.alert_lines import AlertLines
from runners.coverage_map import features, heard_by
from runners.engine import Engine, Output
from runners.hearing import ears_of, mark, suspended
from runners.ledger import recalled
from runners.metrics import Metrics
from runners.rules import read_text
from runners.source_words import SourceWords
from runners.usual import usual_speeds
from tracks.coverage import Coverage
from tracks.rescue import close_row, open_row

HEALTH_S = 1.0
COVERAGE_S = 60.0  # what is learned changes over hours


class Desk:
    """Everything a person sees of one process: page, /metrics, terminal lines."""

    def __init__(self, engine: Engine, *, terminal: Terminal | None = None) -> None:
        self.engine = engine
        engine.distress = self.tell
        self.metrics = Metrics()
        self.terminal = terminal
        self.words = SourceWords()
        self.server: Any = None
        self.editor: Any = None
        self.webhooks: Any = None
        self.protected: frozenset[int] = frozenset()
        self.board: Any = None
        self.picture: Any = None
        self.url = ""
        self.lines = AlertLines()
        self.exercise_said = engine.intake.simulated == set(engine.lanes)  # nothing new to whoever configured it so
        self.heartbeats: dict[str, dict[str, Any]] = {}  # the newest of every source
        self.beginning: set[str] = set()  # rescue areas that the watch has been told to open
        self.ending: set[str] = set()  # rescue areas that the watch has been told to end
        self._last_health = 0.0
        self._coverage, self._coverage_due = Coverage(), 0.0
        self._down: dict[str, str | None] = {}  # receivers that are down, since when
        self._messages = (0, time.monotonic())

    def open_page(
        self,
        *,
        host: str,
        port: int,
        database: Path | str | None,
        info: dict[str, Any],
        zones_geojson: bytes | None = None,
        protected: frozenset[int] = frozenset(),
        folder: Path | None = None,
        editor: Any = None,
        settings: Console | None = None,
    ) -> str:
        """Start the console in a thread and return its address.

        editor: a console.editing.Editor with a runners.bench.Workbench, where rules and zones may be edited.
        protected: vessels of which no file is made; folder: of the run's journal and of what the console remembers; None = nothing is
        known of earlier runs, and nothing outlives this one.
        settings: who may reach it and whose word is believed; None = nobody but this machine.
        database: a path or a postgresql:// address of the decisions; None = they live as long as the process.

        Raises InputError (extra missing, port taken).
        """
        try:
            from console.app import create_app
            from console.basemap import depths_file
            from console.board import Board
            from console.decisions import Decisions
            from console.memory import FILE, Memory
            from console.picture import Picture
            from console.server import Server
            from runners.people import people
        except ImportError as fault:
            raise InputError(f"the console needs a package that is not installed ({fault.name})", remedy="pip install 'dogwatch[console]'") from fault
        from zones.load import land_path

        settings, decisions = settings or Console(), Decisions(database)
        memory = Memory(folder and folder / FILE, keep_track_days=settings.keep_track_days)
        self.board, self.picture = Board(), Picture(memory=memory)
        users, trust = people(settings, decisions)
        app = create_app(
            self.board,
            self.picture,
            decisions,
            metrics=self.metrics.text,
            land_geojson=land_path(),
            zones_geojson=zones_geojson,
            info=info | {"hosts": settings.hosts},
            users=users,
            trust=trust,
            on_land=self.engine.rules.geography.on_land,
            coverage_geojson=self._coverage_text,
            depths=depths_file(settings.depths),
            editor=editor,
            protected=protected,
            usual=functools.partial(usual_speeds, model) if (model := self.engine.rules.normality) is not None else None,
        )
        if folder is not None:
            self._recall(folder)
        self.editor, self.protected = editor, protected
        self.server = Server(app)
        self.url = self.server.start(host, port)
        return self.url

    def _recall(self, folder: Path) -> None:
        """What earlier runs said, for the page: it begins where the last one ended, whoever ended it."""
        self.board.suppressed.recall(folder / "events.ndjson")
        for event in recalled(folder / "events.ndjson", event_from_json):
            self.picture.chronicle.take([event])
            self.board.zones.take([event])
        self.board.recall(recalled(folder / "alerts.ndjson", alert_from_json))

    def show(self, output: Output, seconds: float, pieces: Sequence[Received] = ()) -> None:
        """Publish one engine call that took `seconds`; `pieces` are what it was given, for the raw sentences behind an alert."""
        self.metrics.observe(self.engine, output, seconds)
        if self.picture is not None and len(output.batch.fixes) + len(output.batch.statics):
            self.picture.update(output.batch)
        if self.picture is not None:
            self.picture.chronicle.take(output.all_events())
            self.picture.sentences.take(pieces, output.batch)
        for row in output.batch.heartbeats:
            self.heartbeats[row.source] = {"t": iso(row.t_ms), "state": row.state, **row.counts}
        if self.board is not None:
            self.board.suppressed.take(output.all_events())
            self.board.zones.take(output.all_events())
        self.tell(output.alerts)
        now = time.monotonic()
        self._say_exercise()
        if self.terminal is not None:
            for line in self.words.news(self.metrics.sources.readers, now):
                self.terminal.print(line, markup=False, highlight=False, soft_wrap=True)
        if self.board is not None and now - self._last_health >= HEALTH_S:
            self._health(now)
            if self.webhooks is not None:
                self.board.health({"webhooks": self.webhooks.counts()})

    def obey(self) -> list[Output]:
        """Tell the watch which rescue areas people have begun and ended, show what comes of it and return it for the journal.

        Asked of the decisions on disk, not of a message, so that a restart forgets none: an area that is open again is ended again.
        """
        found = self._begin()
        ended = self.board.rescues_ended() if self.board is not None else {}
        still_open = self._rescues()
        self.ending &= set(still_open)
        for area in sorted((set(ended) & set(still_open)) - self.ending):
            self.ending.add(area)
            found.append(self.engine.control(close_row(self.engine.newest_ms, area, ended[area])))
            self.show(found[-1], 0.0)
        return found

    def _begin(self) -> list[Output]:
        """Open the areas that people began and the watch does not know yet; one whose time is over stays forgotten."""
        track, newest = self.engine.watch.track, self.engine.newest_ms
        hold_ms, found = track.params.rescue.hold_s * 1000, []
        for area, begun in (self.board.rescues_begun() if self.board is not None else {}).items():
            old = begun.event_ms is not None and newest - begun.event_ms >= hold_ms
            if area in self.beginning or area in track.rescue.areas or old or newest == T_MISSING:
                continue
            self.beginning.add(area)
            row = open_row(newest, area, "person", round(begun.lat * UNITS_PER_DEG), round(begun.lon * UNITS_PER_DEG))
            found.append(self.engine.control(row))
            self.show(found[-1], 0.0)
        return found

    def _rescues(self) -> dict[str, str]:
        """How each rescue area was opened that excuses somebody, by the id of its event."""
        return {name: area.how for name, area in self.engine.watch.track.rescue.areas.items() if not area.closed_by}

    def _rescue_places(self) -> dict[str, tuple[float, float, float]]:
        """Where each of them is: degrees, and how far it reaches in metres."""
        track = self.engine.watch.track
        areas, reach_m = track.rescue.areas.items(), track.params.rescue.reach_nm * NM_M
        return {name: (area.lat / UNITS_PER_DEG, area.lon / UNITS_PER_DEG, reach_m) for name, area in areas if not area.closed_by}

    def tell(self, alerts: list[Alert]) -> None:
        """Alerts to board and terminal. The engine calls it itself for distress, before anything else is decided."""
        for alert in alerts:
            if self.board is not None:
                self.board.publish(alert)
            if self.webhooks is not None and not self._withheld(alert):
                self.webhooks.publish(alert)
            if self.terminal is not None:
                self._say(self.lines.news(alert))

    def call_out(self, hooks: list[Webhook], outbox: Path | None = None) -> None:
        """Tell these addresses of alerts from now on, and of what waits in `outbox`; the page must be open, because what is protected is known there.

        Raises InputError.
        """
        from console.outbox import Outbox
        from console.webhooks import Hook, Webhooks

        known = [Hook(one.name, one.url, read_text(Path(one.secret_file), what="webhook secret").strip().encode(), one.level) for one in hooks]
        if empty := [one.name for one in known if not one.secret]:
            raise InputError(f"the secret of the webhook '{empty[0]}' is empty", remedy="write a long random line into its secret_file")
        self.webhooks = Webhooks(known, outbox=Outbox(outbox))
        self.metrics.watch_webhooks(self.webhooks.counts)

    def _withheld(self, alert: Alert) -> bool:
        """Whether a risk alert is about somebody who rescues or is rescued: that leaves this house in no form."""
        from console.protected import Protection

        record = self.board.record(alert.alert_id) if alert.kind != "distress" else None
        return record is not None and bool(Protection(self.protected, self.board.rescue_areas(), self.picture.one).alert(record))

    def close(self) -> None:
        """Say what was only counted so far, stop the page."""
        self._say(self.lines.rest())
        if self.server is not None:
            self.server.stop()
        if self.editor is not None:
            self.editor.bench.close()
        if self.webhooks is not None:
            self.webhooks.close()

    def _say_exercise(self) -> None:
        """Once, when the run becomes an exercise, or goes on as one."""
        intake = self.engine.intake
        if self.terminal is not None and intake.exercise and not self.exercise_said:
            self.exercise_said = True
            who = ", ".join(sorted(intake.simulated)) or "a source heard earlier"
            self.terminal.print(f"EXERCISE: simulated data from {who}; everything from now on is marked.", style="bold yellow", markup=False, highlight=False)

    def _say(self, lines: list[str]) -> None:
        for one in lines:
            if self.terminal is not None:
                self.terminal.print(one, highlight=False, soft_wrap=True)

    def _coverage_text(self) -> bytes:
        """GeoJSON of what the receivers are known to hear, from the copy of the last minute: the server asks from its own thread."""
        return json.dumps(mark(features(heard_by(self._coverage)), self._down), separators=(",", ":")).encode()

    def _copy_coverage(self, now: float) -> None:
        if now >= self._coverage_due:
            learned = self.engine.watch.track.coverage
            self._coverage = Coverage(list(learned.groups), learned.keys.copy(), learned.heard.copy(), learned.missed.copy())
            self._coverage_due = now + COVERAGE_S

    def _health(self, now: float) -> None:
        self._down = suspended(ears_of(self.engine.watch.track), self.engine.watch.track.coverage)
        self._copy_coverage(now)
        messages = sum(sum(lane.counts.decoded.values()) for lane in self.engine.lanes.values())
        before, then = self._messages
        self._messages, self._last_health = (messages, now), now
        newest, intake = self.engine.newest_ms, self.engine.intake
        self.board.health(
            {
                "messages": messages,
                "messages_per_s": round((messages - before) / max(1e-3, now - then), 1),
                "event_time": None if newest == T_MISSING else iso(newest),
                "watermark_ms": None if self.engine.watermark_ms == T_MISSING else self.engine.watermark_ms,
                "sources": {source: "silent" if source in intake.unheard else "up" for source in self.engine.lanes},
                "heartbeats": dict(self.heartbeats),
                "exercise": intake.exercise,
                "simulated": sorted(intake.simulated),
                "suspended": self._down,
                "rescues": self._rescues(),
                "rescue_places": self._rescue_places(),
            }
        )
