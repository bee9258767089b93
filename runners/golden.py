"""Golden replays: what a recording gave when somebody judged it good, against what it gives now. May hold: comparing results, saying how.

May not: judge, replay, write golden files: a person copies them, after having looked.
A golden folder holds `events.ndjson` and `alerts.ndjson`, and should hold `birth.toml`: where the recording came from, the command that
made the results, who judged them and when.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import msgspec

from dogwatch.errors import InputError

SHOWN = 40  # differences written out; more are counted
FILES = (("events", "event_id", "version"), ("alerts", "alert_id", "revision"))
BIRTH = ("source", "command", "judged_by", "judged_on")


def compare(golden: Path, found: Path) -> list[str]:
    """Differences of two result folders in words, empty where they agree to the byte. Raises InputError when a folder cannot be read."""
    lines: list[str] = []
    for name, key, count in FILES:
        before, now = _read(golden / f"{name}.ndjson"), _read(found / f"{name}.ndjson")
        if before == now:
            continue
        was, has = _newest(before, key), _newest(now, key)
        told = [f"- {name[:-1]} lost: {_words(was[one])}" for one in was if one not in has]
        told += [f"+ {name[:-1]} new: {_words(has[one])}" for one in has if one not in was]
        for one in was:
            if one in has and (fields := _fields(was[one], has[one], count)):
                told += [f"~ {name[:-1]} changed: {_words(has[one])}", *fields]
        if not told:
            told = [f"~ {name}: the same in the end, but told otherwise on the way ({len(before)} lines before, {len(now)} now)"]
        lines += [f"{name}: {len(was)} before, {len(has)} now", *told]
    return lines


def advice(golden: Path, out: Path, words: list[str]) -> str:
    """How to look again, and how to accept what is now."""
    again = shlex.join(["dogwatch", "replay", *words, "--out", str(out)])
    copy = shlex.join(["cp", str(out / "events.ndjson"), str(out / "alerts.ndjson"), f"{golden}/"])
    return f"if this is what it should be, make the golden files anew and say in {golden / 'birth.toml'} who judged them:\n  {again}\n  {copy}"


def shortened(lines: list[str]) -> list[str]:
    """The first differences, and how many more there are."""
    return lines if len(lines) <= SHOWN else [*lines[:SHOWN], f"... and {len(lines) - SHOWN} more lines"]


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    except OSError as fault:
        raise InputError(f"cannot read {path}: {fault.strerror}", remedy="name a folder with events.ndjson and alerts.ndjson") from fault
    except msgspec.DecodeError as fault:
        raise InputError(f"{path} is no NDJSON: {fault}", remedy="make the golden files anew") from fault


def _newest(rows: list[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    """The last version of each, in the order of the file."""
    try:
        return {row[key]: row for row in rows}
    except (KeyError, TypeError) as fault:
        raise InputError(f"a line has no {key}", remedy="make the golden files anew") from fault


def _words(row: dict[str, Any]) -> str:
    mmsi = " + ".join(str(m) for m in row.get("mmsi", []))
    if "alert_id" in row:
        return f"{row['level']} ({row['condition']}) {mmsi} {row['t_first']}: {row['headline']}"
    return f"{row['type']} ({row['state']}) {mmsi} from {row['t_start']} to {row['t_end'] or 'now'}"


def _fields(was: dict[str, Any], has: dict[str, Any], count: str) -> list[str]:
    names = [name for name in {**was, **has} if was.get(name) != has.get(name) and name != count]
    return [f"    {name}: {_brief(was.get(name))} -> {_brief(has.get(name))}" for name in names]


def _brief(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 160 else text[:157] + "..."
