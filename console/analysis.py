"""What an analyst asks of the alerts: how many, when, by rule, zone and flag, what people found, which rules cry wolf. Pure functions.

May live here: counts and shares, their CSV. May not: databases, HTTP, judgement of a single operator (no name of one stands in any figure).

An alert was **right** when people closed it as confirmed or referred, **wrong** as false_positive or benign_known (as `dogwatch labels` has it);
duplicates and what nobody closed say nothing. Precision comes with its Wilson interval at 95 %: of three alerts nobody knows anything.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from console.decisions import Decision, Raised
from console.dossier import safe
from dogwatch.times import from_iso, iso

HOUR_MS = 3_600_000
BARS_MAX = 48
RIGHT, WRONG = ("confirmed", "referred"), ("false_positive", "benign_known")
NOISY_WRONG_MIN = 3  # fewer wrong ones may be chance
Z95 = 1.959964
COLUMNS = ("group", "name", "alerts", "right", "wrong", "duplicates", "open", "precision", "precision_low", "precision_high")


def analysis(
    raised: list[Raised],
    decided: Callable[[str], Decision],
    records: Iterable[Mapping[str, Any]],
    *,
    since_ms: int,
    until_ms: int,
) -> dict[str, Any]:
    """Figures of the alerts that came up between two event times. `records`: those still on the board, which alone tell their zones."""
    rows = [one for one in raised if since_ms <= one.event_ms < until_ms]
    codes = {one.alert_id: _code(decided(one.alert_id)) for one in rows}
    rules = _grouped(((one.rule, one) for one in rows), codes)
    return {
        "since": iso(since_ms),
        "until": iso(until_ms),
        "alerts": len(rows),
        "all": _shares("all", [codes[one.alert_id] for one in rows]),
        "over_time": _bars(rows, since_ms, until_ms),
        "levels": dict(Counter(one.level for one in rows)),
        "dispositions": dict(Counter(codes.values())),
        "rules": rules,
        "noisy": [row for row in rules if row["wrong"] >= NOISY_WRONG_MIN and row["wrong"] > row["right"]],
        "flags": _grouped(((_flag(one.mmsi), one) for one in rows), codes),
        "zones": _zones(rows, codes, records),
    }


def source_ages(health: Mapping[str, Any], event_ms: int | None) -> list[dict[str, Any]]:
    """Per source: whether it is heard, its newest heartbeat and how far that lies behind the newest event time (s)."""
    beats, states = health.get("heartbeats", {}), health.get("sources", {})
    found = []
    for name in sorted({*beats, *states}):
        beat = beats.get(name, {})
        found.append({"source": name, "state": states.get(name) or beat.get("state"), "heartbeat": beat.get("t"), "age_s": _age(beat.get("t"), event_ms)})
    return found


def as_csv(found: dict[str, Any], *, exercise: bool) -> bytes:
    """The shares of every group as CSV (UTF-8, RFC 4180), formulas made harmless; no person stands in it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*COLUMNS, "since", "until", "exercise"])
    for group in ("all", "rules", "flags", "zones"):
        for row in [found["all"]] if group == "all" else found[group]:
            cells = [group, *(row[name] for name in COLUMNS[1:]), found["since"], found["until"], "EXERCISE" if exercise else ""]
            writer.writerow([safe("" if cell is None else cell) for cell in cells])
    return out.getvalue().encode("utf-8")


def wilson(hits: int, total: int) -> tuple[float | None, float | None, float | None]:
    """Share with its interval at 95 % (Wilson 1927); None without any."""
    if not total:
        return None, None, None
    share, n = hits / total, total
    middle, half = share + Z95**2 / (2 * n), Z95 * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n * n))
    whole = 1 + Z95**2 / n
    return round(share, 4), round(max(0.0, (middle - half) / whole), 4), round(min(1.0, (middle + half) / whole), 4)


def _code(decision: Decision) -> str:
    return decision.disposition.code if decision.disposition is not None else "open"


def _grouped(rows: Iterable[tuple[str, Raised]], codes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Shares per name, those with most alerts first."""
    groups: dict[str, list[str]] = {}
    for name, one in rows:
        groups.setdefault(name, []).append(codes[one.alert_id])
    return sorted((_shares(name, found) for name, found in groups.items()), key=lambda row: (-row["alerts"], row["name"]))


def _shares(name: str, codes: list[str]) -> dict[str, Any]:
    right, wrong = sum(code in RIGHT for code in codes), sum(code in WRONG for code in codes)
    share, low, high = wilson(right, right + wrong)
    rest = {"duplicates": codes.count("duplicate"), "open": codes.count("open")}
    return {"name": name, "alerts": len(codes), "right": right, "wrong": wrong, **rest, "precision": share, "precision_low": low, "precision_high": high}


def _bars(rows: list[Raised], since_ms: int, until_ms: int) -> list[dict[str, Any]]:
    """Alerts in equal spans of whole hours, BARS_MAX at most; empty ones are there too."""
    hours = max(1, -(-(until_ms - since_ms) // HOUR_MS))
    step_ms = HOUR_MS * -(-hours // BARS_MAX)
    counts = Counter((one.event_ms - since_ms) // step_ms for one in rows)
    return [{"from": iso(since_ms + number * step_ms), "alerts": counts[number]} for number in range(-(-(until_ms - since_ms) // step_ms))]


def _zones(rows: list[Raised], codes: Mapping[str, str], records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """An alert in two zones counts in both; one outside all of them, and one that has left the board, in none."""
    zones = {one["alert_id"]: one["zones"] for one in records}
    return _grouped(((name, one) for one in rows for name in zones.get(one.alert_id, ())), codes)


def _flag(mmsi: int) -> str:
    """The first three digits of a ship's number, which stand for its flag; other stations have none."""
    return f"MID {mmsi // 1_000_000}" if 200_000_000 <= mmsi < 800_000_000 else "no ship's number"


def _age(heartbeat: str | None, event_ms: int | None) -> float | None:
    t_ms = from_iso(heartbeat) if heartbeat else None
    return None if t_ms is None or event_ms is None else round(max(0, event_ms - t_ms) / 1000, 1)
