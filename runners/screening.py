"""`dogwatch watchlists check` and `screen`: files in, what they hold and whom they hit out. May hold: reading vessels, tables for people. May not: match.

Nothing here reaches the watch: it is the question before a list goes into a configuration, and a look at a recording afterwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console as Terminal
from rich.markup import escape
from rich.table import Column, Table

from dogwatch.errors import InputError
from runners.decoding import batches
from runners.inputs import Settings, open_inputs
from runners.intake import Intake
from runners.listing import described, refusals, text_of
from tracks.vessels import VesselTable
from tracks.watchlist import columns_at
from watchlists.entry import Entry
from watchlists.hit import TIERS, Hit, Vessel
from watchlists.index import Columns
from watchlists.screen import Watchlists, columns_of, vessel_at
from watchlists.watchlist import watchlist_of

VESSELS_MAX = 5_000_000
TIER_STYLE = {"confirmed_identifier": "bold red", "probable": "yellow", "name_only": "dim"}
TIER_WORDS = {"confirmed_identifier": "confirmed", "probable": "probable", "name_only": "name only"}


def vessels_of_table(path: Path, encoding: str) -> Columns:
    """Vessels of a table (CSV with mmsi, imo, callsign, name, length_m). Raises ConfigError/InputError."""
    entries = watchlist_of(text_of(path, encoding), name="vessels", kind="csv", file=str(path)).entries
    return columns_of([_vessel(entry) for entry in entries])


def vessels_of_recordings(paths: list[Path]) -> Columns:
    """What each vessel of recordings told last of itself. Raises InputError."""
    sources = open_inputs(paths, Settings(None, False, {}), lambda _sentence: None)
    intake = Intake([lane for source in sources.values() for lane in source.lanes])
    table, heard = VesselTable.new(VESSELS_MAX, {}), [np.empty(0, np.uint32)]
    for source in sources.values():
        for batch in batches(intake, source):
            table.add_statics(batch.statics)
            heard.append(np.unique(batch.fixes["mmsi"]))
    told = columns_at(table, table.in_order(np.arange(len(table))))
    silent = np.setdiff1d(np.unique(np.concatenate(heard)), told.mmsi).astype(np.int64)  # positions, but no particulars
    bare = columns_of([Vessel(int(mmsi)) for mmsi in silent])
    pairs = [(getattr(told, name), getattr(bare, name)) for name in ("mmsi", "imo", "callsign", "name", "loa_m")]
    return Columns(*(np.concatenate(pair) for pair in pairs))


def screen(lists: Watchlists, vessels: Columns, t_ms: int) -> list[dict[str, Any]]:
    """Hits as documents, the surest first."""
    rows = []
    for row, found in lists.in_force(t_ms).screen(vessels).items():
        rows += [_document(vessel_at(vessels, row), int(vessels.mmsi[row]), lists, name, hit, t_ms) for name, hit in found.items()]
    return sorted(rows, key=lambda one: (-TIERS.index(one["tier"]), one["conflict"], -one["confidence"], one["mmsi"], one["list"]))


def print_check(lists: Watchlists, terminal: Terminal) -> None:
    """What the lists hold and what they lost, for people."""
    table = Table(
        Column("list", no_wrap=True),
        "kind",
        Column("version", no_wrap=True),
        "vessels",
        "with IMO",
        "MMSI",
        "call sign",
        "name",
        title="Watchlists",
        title_justify="left",
    )
    for one in described(lists):
        counts = (one[key] for key in ("entries", "with_imo", "with_mmsi", "with_callsign", "with_name"))
        table.add_row(escape(one["name"]), one["kind"], one["version"], *(f"{n:,}" for n in counts))
    terminal.print(table)
    for used in lists.lists:
        if used.reading.ignored:
            terminal.print(f"{used.file}: columns read over: {', '.join(used.reading.ignored)}", markup=False, highlight=False, soft_wrap=True)
        if found := refusals(used):
            lost = Table("count", "reason", "what it means", "the first", title=f"Not used of {escape(used.file)}", title_justify="left")
            for reason, n, meaning, first in found:
                lost.add_row(f"{n:,}", reason, meaning, escape(first))
            terminal.print(lost)


def print_hits(rows: list[dict[str, Any]], vessels: int, lists: Watchlists, terminal: Terminal, limit: int) -> None:
    """Hits for people, the surest first, at most `limit`."""
    whole = {name: Column(name, no_wrap=True) for name in ("", "MMSI", "IMO", "sure")}  # half a number identifies nobody, however narrow the terminal is
    named = [Column(name, overflow="fold") for name in ("name", "listed as", "entry")]
    table = Table(whole[""], whole["MMSI"], whole["IMO"], *named, "agrees", "differs", whole["sure"], title="Hits", title_justify="left", padding=0)
    for one in rows[:limit]:
        tier = TIER_WORDS[one["tier"]] + (", other IMO" if one["conflict"] else "")
        listed_as = "" if one["entry_name"] == one["name"] else one["entry_name"]
        cells = (f"{one['mmsi']:09d}", str(one["imo"] or ""), one["name"], listed_as, f"{one['list']} {one['entry']}")
        agrees, differs = (", ".join(field["field"] for field in one[key]) for key in ("matched", "differs"))
        table.add_row(f"[{TIER_STYLE[one['tier']]}]{tier}[/]", *(escape(cell) for cell in cells), agrees, differs, f"{one['confidence']:.2f}")
    if rows:
        terminal.print(table)
    if len(rows) > limit:
        terminal.print(f"{len(rows) - limit:,} more: --limit {len(rows)}", highlight=False)
    counts = ", ".join(f"{sum(one['tier'] == tier for one in rows):,} {TIER_WORDS[tier]}" for tier in reversed(TIERS))
    entries = sum(len(one.entries) for one in lists.lists)
    terminal.print(f"{vessels:,} vessels against {entries:,} entries: {counts}. A name alone is no identification.", highlight=False, soft_wrap=True)


def _document(vessel: Vessel, mmsi: int, lists: Watchlists, name: str, hit: Hit, t_ms: int) -> dict[str, Any]:
    return {
        "mmsi": mmsi,
        "imo": vessel.imo or None,
        "callsign": vessel.callsign or None,
        "name": vessel.name,
        "list": name,
        "list_version": lists.in_force(t_ms).lists[name].version,
        "entry": hit.entry.id,
        "entry_name": hit.entry.title,
        "entry_line": hit.entry.line,
        "tier": hit.tier,
        "confidence": hit.confidence,
        "conflict": hit.conflict,
        "matched": [{"field": one.name, "told": one.told, "listed": one.listed, "how": one.how} for one in hit.matched],
        "differs": [{"field": one.name, "told": one.told, "listed": one.listed} for one in hit.differs],
    }


def _vessel(entry: Entry) -> Vessel:
    if any(len(values) > 1 for values in (entry.imos, entry.mmsis)):
        raise InputError(f"line {entry.line}: a vessel has one MMSI and one IMO number", remedy="one row for each vessel")
    first = [values[0] if values else default for values, default in ((entry.mmsis, 0), (entry.imos, 0), (entry.callsigns, ""), (entry.names, ""))]
    return Vessel(int(first[0]), int(first[1]), str(first[2]), str(first[3]), entry.length_m)
