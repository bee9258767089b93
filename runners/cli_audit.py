"""The command line for the watch log: `dogwatch audit ...`. May hold: arguments and messages. May not: the log (console/chain.py, console/audit.py)."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dogwatch.errors import InputError, SurroundingsError
from dogwatch.times import iso
from runners.cli_users import ConfigOf, Database, who_runs
from runners.printing import out as said
from runners.printing import print_json

if TYPE_CHECKING:
    from console.chain import Verdict
    from console.database import Store

audit_app = typer.Typer(no_args_is_help=True, help="The watch log: verify, export, back up, purge.")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Days = Annotated[float | None, typer.Option(help="Keep this many; not named: as the configuration says, without one for good.")]


@contextlib.contextmanager
def _store(config: Path | None, database: str) -> Iterator[Store]:
    """The database as it is: nothing is read into memory that a broken log could stumble over."""
    from console.database import StoreError, open_store
    from runners.people import database_of, existing

    store = open_store(existing(database_of(config, database)))
    try:
        yield store
    except StoreError as fault:
        raise SurroundingsError(f"the database cannot be read or written: {fault}", remedy="check its disk or its server; nothing was changed") from fault
    finally:
        store.close()


def _say(verdict: Verdict, what: str, as_json: bool) -> None:
    """The verdict in words or as JSON; exit 1 where the chain is broken."""
    import msgspec

    if as_json:
        print_json(msgspec.to_builtins(verdict))
    elif verdict.broken:
        row = verdict.entry
        shown = f" There stands: {iso(row['wall_ms'])} {row['user']} ({row['role']}) {row['action']} {row['alert_id']}".rstrip() if row else ""
        said.print(f"{what} is broken at entry {verdict.broken}: {verdict.why}.{shown}", markup=False, highlight=False, soft_wrap=True)
    elif verdict.entries:
        span = f"{verdict.entries} entries, {verdict.first} to {verdict.last}"
        said.print(f"{what} is whole: {span}. Head: {verdict.last}:{verdict.head}", markup=False, highlight=False, soft_wrap=True)
    else:
        said.print(f"{what} is whole: it is empty", markup=False, highlight=False)
    if verdict.broken:
        raise typer.Exit(1)


@audit_app.command("verify")
def verify(
    config: ConfigOf = None,
    database: Database = "",
    head: Annotated[str, typer.Option(help="NUMBER:HASH that this command printed once; shows whether the end was cut off since.")] = "",
    as_json: Json = False,
) -> None:
    """Walk the chain; names the first broken entry and exits 1. Example: dogwatch audit verify --database dogwatch-data/decisions.sqlite"""
    from console.chain import verify as walk_through

    found = re.fullmatch(r"(\d{1,15}):([0-9a-f]{64})", head)
    if head and not found:
        raise InputError(f"'{head[:80]}' is no head", remedy="give NUMBER:HASH as dogwatch audit verify printed it")
    with _store(config, database) as store:
        _say(walk_through(store, head=(int(found[1]), found[2]) if found else None), "The watch log", as_json)


@audit_app.command("export")
def export(
    to: Annotated[Literal["ndjson", "csv"], typer.Option(help="One JSON object or one row for each entry.")] = "ndjson",
    out: Annotated[Path | None, typer.Option(help="File; default: stdout.")] = None,
    config: ConfigOf = None,
    database: Database = "",
) -> None:
    """The whole log as a file. Example: dogwatch audit export --to csv --out log.csv"""
    from console.audit import export_lines

    with _store(config, database) as store:
        if out is None:
            for line in export_lines(store, to):
                sys.stdout.write(line)
            return
        try:
            with out.open("w", encoding="utf-8", newline="") as file:
                file.writelines(export_lines(store, to))
        except OSError as fault:
            raise InputError(f"cannot write {out}: {fault}", remedy="name a file that you may write to") from fault


@audit_app.command("backup")
def backup(out: Path, config: ConfigOf = None, database: Database = "", as_json: Json = False) -> None:
    """A copy of decisions, log and users, beside a running console, verified. Example: dogwatch audit backup backups/decisions.sqlite"""
    from console.audit import backup as copy

    with _store(config, database) as store:
        _say(copy(store, out), f"{out} is written; its log", as_json)


@audit_app.command("purge")
def purge(
    log_days: Days = None,
    load_days: Days = None,
    dry_run: Annotated[bool, typer.Option(help="Only count.")] = False,
    config: ConfigOf = None,
    database: Database = "",
    as_json: Json = False,
) -> None:
    """Take away what is older; the log of the rest stays verifiable. Example: dogwatch audit purge --log-days 1825 --load-days 400"""
    from console.audit import purge as take
    from console.chain import verify as walk_through
    from console.decisions import Decisions
    from runners.people import database_of, keep_days

    kept_log, kept_load = keep_days(config)
    log_days, load_days = (given if given is not None else kept for given, kept in ((log_days, kept_log), (load_days, kept_load)))
    if log_days is None and load_days is None:
        raise InputError("nothing says how long to keep what", remedy="give --log-days or --load-days, or keep_log_days and keep_load_days under [console]")
    with _store(config, database) as store:
        if walk_through(store).broken:
            raise InputError("the log is broken: a purge would bury where", remedy="dogwatch audit verify names the entry; keep the file as it is")
        decisions = Decisions(database_of(config, database))
        try:
            gone = take(decisions, now_ms=time.time_ns() // 1_000_000, by=who_runs(), log_days=log_days, load_days=load_days, dry=dry_run)
        finally:
            decisions.close()
    if as_json:
        print_json({"dry_run": dry_run, **gone})
    else:
        said.print(("Would take away: " if dry_run else "Taken away: ") + ", ".join(f"{n} {name}" for name, n in gone.items()), markup=False, highlight=False)
