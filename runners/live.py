"""Live: any number of sources into one engine, until stopped. May hold: the loop, snapshots, the journal on disk.

May not: detect, score, decode. A stopped or killed run continues from its newest snapshot; the time in between is told to
the detectors as "system down", so that our own absence never looks like a fleet going dark.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

from rich.console import Console as Terminal
from rich.markup import escape

from dogwatch.config import Config
from dogwatch.errors import InputError
from ingest.sources import Received, SourceSet
from runners.desk import Desk
from runners.engine import Engine, Output
from runners.intake import RUN_BYTES, RUN_PIECES, lanes_of
from runners.ledger import Ledger, replace_file
from runners.listing import Shelf, notes
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
    rules = read_rules(config.profile, config.zones, config.watchlists)
    for sentence in notes(rules.watchlists, time.time_ns() // 1_000_000):
        terminal.print(escape(sentence), highlight=False, soft_wrap=True)
    coverage = read_coverage(Path(config.coverage)) if config.coverage else None
    engine = Engine(rules, lanes_of(config), coverage)
    journal = _Journal(Path(config.data_dir), engine)
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
                zones_geojson=zones_geojson(config.zones),
            )
            terminal.print(f"Console: [bold]{url}[/]", highlight=False)
        elif config.metrics.enabled:  # the console's own port serves /metrics too
            desk.metrics.serve(config.metrics.host, config.metrics.port)
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
    for received in waiting:
        tape.take(received)
    for output in desk.obey():
        journal.append(output)
    while True:
        begun = time.perf_counter()
        output = desk.engine.take_run(waiting) if waiting else Output()
        journal.append(output)
        desk.show(output, time.perf_counter() - begun)
        if not waiting:
            break
    tape.settle(desk.engine.intake.simulated)


class _Journal:
    """Events, alerts and snapshots of a live run under its data folder."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.engine = engine
        self.state_file = folder / "state" / "live.state"
        resumed = self.state_file.exists()
        if resumed:
            sections = restore(read_state(self.state_file))
            if sections["rules"] != rules_stamp(engine.rules):
                raise InputError(f"{self.state_file} was made with other rules or zones", remedy="move it away to start afresh, or use the same rules")
            engine.restore(sections["engine"])
        self.ledger = Ledger(folder, journal=True)
        if resumed:
            self.append(engine.resume())

    def append(self, output: Output) -> None:
        self.ledger.append(output.all_events(), output.all_alerts())

    def save(self) -> None:
        self.ledger.settle()
        replace_file(self.state_file, snapshot({"engine": self.engine.to_sections(), "rules": rules_stamp(self.engine.rules)}))
