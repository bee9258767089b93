"""Live: any number of sources into one engine, until stopped. May hold: the loop, snapshots, the journal on disk.

May not: detect, score, decode. A stopped or killed run continues from its newest snapshot and the input that was logged after it
(`runners.input_log`): the journal is cut back to the snapshot and written again from there, so that nothing is lost and nothing
stands there twice. A file is read on at the byte where it stood. Where a source could have been heard meanwhile, the time in
between is told to the detectors as "system down", so that our own absence never looks like a fleet going dark.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console as Terminal
from rich.markup import escape

from dogwatch.alerts import Alert
from dogwatch.batch import Control
from dogwatch.config import Config
from dogwatch.errors import InputError
from dogwatch.kernel import load_all
from ingest.sources import Received, SourceSet
from runners.bench import editor_of, versions_of
from runners.desk import Desk
from runners.engine import Engine, Output
from runners.input_log import InputLog
from runners.intake import RUN_BYTES, RUN_PIECES, lanes_of
from runners.ledger import Ledger, replace_file
from runners.listing import Shelf, notes
from runners.protected_list import protected_numbers
from runners.replay import read_state, rules_stamp
from runners.rules import read_coverage, read_rules, zones_geojson
from runners.step import restore, snapshot
from runners.tape import Tape

POLL_S = 0.2
RELIST_S = 60.0  # so often the files of watchlists are looked at


def run_live(config: Config, terminal: Terminal, stop: threading.Event, *, until_end: bool = False, sources: SourceSet | None = None) -> Desk:
    """Run until `stop` is set (or, with `until_end`, until every finite source has ended). `sources`: other readers than the configured ones.

    Raises InputError before anything starts, SurroundingsError at the end when the capture that was asked for has holes.
    """
    if not config.sources:
        raise InputError("the configuration names no source", remedy="add a [[sources]] table; examples/tcp.toml shows one")
    versions = versions_of(config, Path(config.data_dir) / "versions")
    texts = {kind: one.active_text() for kind, one in versions.items()}
    rules = read_rules(config.profile, config.zones, config.watchlists, config.normality, profile_text=texts["rules"], zones_text=texts["zones"])
    for kind, text in texts.items():
        if text is not None:
            terminal.print(
                f"{kind.capitalize()}: version {versions[kind].active().number} of the console, in place of what the configuration names", highlight=False
            )
    for sentence in notes(rules.watchlists, time.time_ns() // 1_000_000):
        terminal.print(escape(sentence), highlight=False, soft_wrap=True)
    coverage = read_coverage(Path(config.coverage)) if config.coverage else None
    engine = Engine(rules, lanes_of(config), coverage)
    journal = _Journal(config, engine, renewed=any(one.journal() for one in versions.values()))
    tape = Tape(config, lambda sentence: terminal.print(f"[bold red]{escape(sentence)}[/]", highlight=False, soft_wrap=True))
    desk = Desk(engine, terminal=terminal)
    sources = sources or SourceSet(config.sources)
    desk.metrics.watch(sources.readers)
    desk.metrics.watch_tape(tape)
    try:
        if config.console.enabled:
            info = {"desk": "dogwatch", "sources": [source.id for source in config.sources], "rules": len(rules.profile.rules)}
            url = desk.open_page(
                host=config.console.host,
                port=config.console.port,
                database=config.console.decisions or Path(config.data_dir) / "decisions.sqlite",
                info=info,
                zones_geojson=zones_geojson(config.zones, texts["zones"]),
                protected=protected_numbers(config.console.protected),
                folder=Path(config.data_dir),
                editor=editor_of(config, versions, Path(config.data_dir) / "backtests", rules.geography.coast),
                settings=config.console,
            )
            terminal.print(f"Console: [bold]{url}[/]", highlight=False)
            if config.webhooks:
                desk.call_out(config.webhooks, Path(config.data_dir) / "webhooks.sqlite")
        elif config.metrics.enabled:  # the console's own port serves /metrics too
            desk.metrics.serve(config.metrics.host, config.metrics.port)
        desk.tell(journal.missed)
        load_all()
        sources.start()
        _loop(sources, desk, journal, tape, config, stop, until_end)
    finally:
        sources.stop()
        desk.close()
        tape.close()
        journal.save()
    tape.check()
    return desk


def _loop(sources: SourceSet, desk: Desk, journal: _Journal, tape: Tape, config: Config, stop: threading.Event, until_end: bool) -> None:
    last_save, last_list, ended, shelf = time.monotonic(), time.monotonic(), set[str](), Shelf(config.watchlists)
    while not stop.is_set() and not (until_end and ended >= set(desk.engine.lanes)):
        waiting = sources.get_waiting(POLL_S, pieces_max=RUN_PIECES, bytes_max=RUN_BYTES)
        ended |= {received.source for received in waiting if received.kind == "end"}
        _pass_on(waiting, desk, journal, tape)
        if time.monotonic() - last_save >= config.snapshot_s:
            journal.save()
            last_save = time.monotonic()
        if shelf.specs and time.monotonic() - last_list >= RELIST_S:
            _relist(shelf, desk)
            journal.save()  # what was logged before belongs to the former lists
            last_list = time.monotonic()
    sources.stop()
    while waiting := sources.get_waiting(0.0, pieces_max=RUN_PIECES, bytes_max=RUN_BYTES):  # what was accepted is not lost
        _pass_on(waiting, desk, journal, tape)
    if until_end and not stop.is_set():
        output = desk.engine.end()
        journal.append(output)
        desk.show(output, 0.0)


def _relist(shelf: Shelf, desk: Desk) -> None:
    """Take over lists whose files have changed; a faulty one is said, and the ones in use stay."""
    assert desk.terminal is not None, "a live run has a terminal"
    try:
        lists = shelf.changed()
    except InputError as fault:
        desk.terminal.print(f"[bold red]watchlists not taken over, the former ones stay: {escape(str(fault))}[/]", highlight=False, soft_wrap=True)
        return
    if lists is not None:
        desk.engine.relist(lists)
        for sentence in notes(lists, time.time_ns() // 1_000_000):
            desk.terminal.print(escape(sentence), highlight=False, soft_wrap=True)


def _pass_on(waiting: deque[Received], desk: Desk, journal: _Journal, tape: Tape) -> None:
    """What waits through the engine to whoever wants to know; when nothing came the page still wants its health."""
    waiting = journal.take(waiting)
    for received in waiting:
        tape.take(received)
    for output in desk.obey():
        journal.decided(output)
    while True:
        begun, pieces = time.perf_counter(), list(waiting)
        output = desk.engine.take_run(waiting) if waiting else Output()
        journal.append(output)
        desk.show(output, time.perf_counter() - begun, pieces[: len(pieces) - len(waiting)])
        if not waiting:
            break
    tape.settle(desk.engine.intake.simulated)


def _fits(sections: dict[str, Any], engine: Engine) -> bool:
    """Whether the detectors would have seen the same, and cases have the same names: then only the weighing is new, and every case is judged anew."""
    before, now = (stamp.split(":") for stamp in (sections["rules"], rules_stamp(engine.rules)))
    same_cases = sections["engine"]["watch"]["risk"]["profile"] == engine.rules.profile.name
    return same_cases and [before[0], *before[2:]] == [now[0], *now[2:]]


class _Journal:
    """Input log, events, alerts and snapshots of a live run under its data folder. `missed`: alerts of what the crash cut off."""

    def __init__(self, config: Config, engine: Engine, *, renewed: bool = False) -> None:
        """renewed: people activated other rules or zones in the console, so that a state made with others is taken over as far as it goes."""
        folder = Path(config.data_dir)
        self.engine, self.missed = engine, list[Alert]()
        self.state_file = folder / "state" / "live.state"
        # what can be read again from its beginning; a pipe, and a file that is followed through rotations, cannot
        again = {source.id for source in config.sources if source.kind == "file" and not source.follow and Path(source.path).is_file()}
        self.skip: dict[str, int] = {}
        self.log = InputLog(folder / "state")
        if not self.state_file.exists():
            self.ledger = Ledger(folder, journal=True)
            self.save()
            return
        sections = restore(read_state(self.state_file))
        if sections["rules"] != rules_stamp(engine.rules) and not renewed:
            raise InputError(f"{self.state_file} was made with other rules or zones", remedy="move it away to start afresh, or use the same rules")
        if _fits(sections, engine):
            engine.restore(sections["engine"])
        else:
            engine.begin_anew(sections["engine"])
        lengths = sections.get("lengths")  # builds before the input log did not know them
        self.ledger = Ledger(folder, (lengths[0], lengths[1]) if lengths else None, journal=True)
        for item in self.log.read(sections.get("segment", self.log.segment + 1)):
            self._again(item)
        self.skip = {source: engine.intake.bytes_read[source] for source in again}
        if again != set(engine.lanes):
            self.append(engine.resume())
        self.save()

    def take(self, waiting: Iterable[Received]) -> deque[Received]:
        """What of it is new, written down before anybody works on it."""
        if self.skip:
            waiting = (new for received in waiting if (new := self._new(received)) is not None)
        pieces = deque(waiting)
        if pieces:
            self.log.take(pieces)
        return pieces

    def decided(self, output: Output) -> None:
        """What came of a row that an operator decided."""
        for row in output.batch.control:
            self.log.control(row)
        self.append(output)

    def append(self, output: Output) -> None:
        self.ledger.append(output.all_events(), output.all_alerts())

    def save(self) -> None:
        """Snapshot: state, lengths of the journal and the segment that begins now belong together."""
        lengths, segment = self.ledger.settle(), self.log.begin()
        sections = {"engine": self.engine.to_sections(), "rules": rules_stamp(self.engine.rules), "lengths": list(lengths), "segment": segment}
        replace_file(self.state_file, snapshot(sections))
        self.log.forget(segment)

    def _again(self, item: Received | Control) -> None:
        """Do once more what was done between the snapshot and the crash."""
        if isinstance(item, Received) and item.source not in self.engine.lanes:  # no longer configured
            return
        output = self.engine.control(item) if isinstance(item, Control) else self.engine.take(item)
        self.append(output)
        self.missed += output.all_alerts()

    def _new(self, received: Received) -> Received | None:
        """Without what was read before the restart."""
        skipped = min(len(received.data), self.skip.get(received.source, 0))
        if not skipped:
            return received
        self.skip[received.source] -= skipped
        return replace(received, data=received.data[skipped:]) if skipped < len(received.data) else None
