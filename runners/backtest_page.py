"""A back-test as a page, and as JUnit. May hold: HTML, SVG, XML of a result that is there. May not: count, read files.

One file that opens anywhere: no script, no request, no font or picture from elsewhere (a content policy in its head forbids them). Whatever came
off the air or out of a list is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from xml.sax.saxutils import quoteattr

import msgspec
import numpy as np

from dogwatch.times import clock_text, duration_text, iso
from runners.backtest import Gate, Result, Side
from runners.backtest_cases import CaseRow, Change
from runners.backtest_coast import shore_lines
from runners.ledger import replace_file
from runners.trails import trail_of
from sim.report import Share

Track = Callable[[int, int, int], np.ndarray]
SHOWN_MAX = 60  # changes with a map of their own; the rest are listed
ROOM_MS = 3_600_000  # of track before and after a case
SILENT_MS = 1_200_000  # over a longer silence no line is drawn: nobody knows the way in it
WIDE, HIGH = 360, 240
INK = {"added": "#b3261e", "lost": "#5f6368", "changed": "#9a6700", "near": "#1a5fb4"}
STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1b1b;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{border:1px solid #ccc;padding:.25rem .6rem;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}tr.now{background:#fff3c4;font-weight:600}.bad{color:#b3261e;font-weight:600}.good{color:#1e6b2e;font-weight:600}
figure{display:inline-block;margin:.5rem 1rem 1rem 0;vertical-align:top;max-width:360px}figcaption{font-size:13px}svg{background:#eef4f8;border:1px solid #bcd}
pre{background:#f4f4f4;padding:.6rem;overflow:auto;font-size:12px}.note{color:#555}.exercise{background:#b3261e;color:#fff;padding:.4rem 1rem;font-weight:700}
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


NO_COAST = np.empty((0, 4), np.int32)


def page(result: Result, whole: np.ndarray, coast: np.ndarray = NO_COAST) -> bytes:
    """The report as one HTML file. `whole`: the kept positions (runners.trails.Trails); `coast`: edges as `zones.coast.Coast` has them."""

    def track(mmsi: int, t_first_ms: int, t_last_ms: int) -> np.ndarray:
        return trail_of(whole, mmsi, t_first_ms, t_last_ms)

    now, before = result.now, result.before
    title = f"Back-test: {now.profile} {now.version}" + (f" against {before.profile} {before.version}" if before else "")
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
        '<p class="exercise">EXERCISE: the data hold simulated traffic</p>' if result.data["exercise"] else "",
        f"<h1>{escape(title)}</h1>",
        *_gates(result.gates),
        *_data(result),
        *_load(now, before),
        *_accuracy(result),
        *_changes(result, track, coast),
        *_sweep(now),
        *_thresholds(result),
        *_rules(now),
        *_near(now, track, coast),
        *_stamp(result),
        "</body></html>\n",
    ]
    return "\n".join(part for part in parts if part).encode()


def junit(result: Result) -> bytes:
    """One test case for each gate, as CI servers read it."""
    failed = sum(not gate.passed for gate in result.gates)
    rows = [f'<testsuite name="dogwatch backtest" tests="{len(result.gates)}" failures="{failed}">']
    for gate in result.gates:
        said = f"{gate.metric} is {gate.observed}" if gate.observed is not None else f"{gate.metric} could not be observed"
        inner = "" if gate.passed else f"<failure message={quoteattr(f'{said}, asked for {gate.text}')}/>"
        rows.append(f"<testcase classname={quoteattr(result.now.profile)} name={quoteattr(gate.text)}>{inner}</testcase>")
    return ('<?xml version="1.0" encoding="UTF-8"?>\n' + "\n".join([*rows, "</testsuite>"]) + "\n").encode()


def _table(head: Sequence[str], rows: Iterable[Sequence[object]], marked: int = -1) -> str:
    body = []
    for number, row in enumerate(rows):
        cells = "".join(f"<td{' class=n' if isinstance(cell, int | float) else ''}>{_cell(cell)}</td>" for cell in row)
        body.append(f"<tr{' class=now' if number == marked else ''}>{cells}</tr>")
    return f"<table><tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>{''.join(body)}</table>"


def _cell(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.4g}"
    return f"{cell:,}" if isinstance(cell, int) else escape(str(cell))


def _gates(gates: list[Gate]) -> list[str]:
    if not gates:
        return []
    lines = [
        f'<li class="{"good" if gate.passed else "bad"}">{escape(gate.text)}: {"" if gate.passed else "not "}kept, observed {gate.observed}</li>'
        for gate in gates
    ]
    return ["<h2>Gates</h2><ul>", *lines, "</ul>"]


def _data(result: Result) -> list[str]:
    data = result.data
    facts = [
        ("time", f"{data['t_first']} to {data['t_last']}: {data['hours']:.1f} h, of which nothing was heard for {data['minutes_silent']} min"),
        ("positions, vessels, vessel-days", f"{data['positions']:,}, {data['vessels']:,}, {data['vessel_days']:,}"),
        ("lines, refused", f"{data['lines']:,}, {data['rejected']:,}"),
        (
            "reception",
            "learned before, and given" if data["coverage_known"] else "learned from these data: at first nobody can say whether a silence means anything",
        ),
        ("events", ", ".join(f"{name} {count:,}" for name, count in data["events"].items()) or "none"),
        ("labels", f"{result.labels['right']:,} right, {result.labels['wrong']:,} wrong" if any(result.labels.values()) else "none: nothing is judged"),
    ]
    notes = [f'<p class="note">{escape(note)}</p>' for note in data["notes"]]
    if data["hours"] < 24:
        notes.append('<p class="note">Less than a day: rates per day are extrapolated, and what happens at other hours is not in them.</p>')
    missing = (
        '<p class="note">A recording has only who transmitted and was heard. Vessels without AIS, and what was never received, are not in any figure below.</p>'
    )
    return ["<h2>What the data cover</h2>", _table(("", ""), facts), _bars(data["positions_each_hour"]), *notes, missing]


def _bars(counts: list[int]) -> str:
    top, step = max(counts), 720 / max(1, len(counts))
    bars = "".join(
        f'<rect x="{i * step:.1f}" y="{60 - 58 * count / top:.1f}" width="{max(0.5, step - 0.5):.1f}" height="{58 * count / top:.1f}"/>'
        for i, count in enumerate(counts)
    )
    return f'<figure><svg width="720" height="60" role="img" fill="#1a5fb4">{bars}</svg><figcaption>positions each hour</figcaption></figure>'


def _load(now: Side, before: Side | None) -> list[str]:
    sides = [side for side in (now, before) if side is not None]
    names = {
        "alerts": lambda side: side.load.alerts,
        "alerts a day per 100 vessels": lambda side: side.load.per_day_per_100_vessels,
        "alerts an operator-hour": lambda side: side.load.per_operator_hour,
        "budget, alerts an operator-hour": lambda side: side.load.budget_per_operator_hour,
        "caution / warning / alarm": lambda side: " / ".join(str(side.load.levels[level]) for level in ("caution", "warning", "alarm")),
        "in ten minutes: 95th percentile": lambda side: side.load.window_p95,
        "in ten minutes: most": lambda side: side.load.window_max,
        "share of ten-minute windows with more than ten": lambda side: side.load.windows_flooded,
        "share of alerts about the ten vessels with most": lambda side: side.load.top_10_vessels,
    }
    over = [side for side in sides if side.load.per_operator_hour > side.load.budget_per_operator_hour]
    said = [f'<p class="bad">{escape(side.profile)} is over its alert budget.</p>' for side in over]
    head = ("", *(f"{side.profile} {side.version}" for side in sides))
    return ["<h2>Load</h2>", *said, _table(head, [(name, *(figure(side) for side in sides)) for name, figure in names.items()])]


def _share(share: Share) -> str:
    return f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f}; {share.hits} of {share.total})" if share.value is not None else "nothing to count"


def _accuracy(result: Result) -> list[str]:
    sides = [side for side in (result.now, result.before) if side is not None]
    if not any(result.labels.values()):
        return ["<h2>Accuracy</h2>", '<p class="note">Without labels nobody knows: give --labels. An alert without a label is not a false one.</p>']
    rows = [
        (
            side.profile,
            _share(side.accuracy.precision),
            _share(side.accuracy.recall),
            f"{side.accuracy.delay.text()} s",
            "{:.0f} to {:.0f} s".format(*side.accuracy.delay_median) if side.accuracy.delay_median else "fewer than six",
            side.accuracy.right,
            side.accuracy.wrong,
            side.accuracy.unlabelled,
        )
        for side in sides
    ]
    head = ("profile", "precision (95 %)", "recall (95 %)", "delay, median/90 %", "median delay (95 %)", "right", "wrong", "unlabelled")
    bias = "Unlabelled alerts are in neither share. Labels that come from alerts say nothing of what was never told: recall is then too high."
    return ["<h2>Accuracy</h2>", _table(head, rows), f'<p class="note">{bias}</p>']


def _changes(result: Result, track: Track, coast: np.ndarray) -> list[str]:
    if result.before is None:
        return []
    order = {"added": 0, "changed": 1, "lost": 2}
    found = sorted(result.changes, key=lambda change: (order[change.kind], -change.case.peak_milli, change.case.alert_id))
    count = {kind: sum(change.kind == kind for change in found) for kind in order}
    said = f"<p>{count['added']} added, {count['lost']} lost, {count['changed']} changed.</p>"
    rows = [
        (change.kind, clock_text(change.case.t_first), ", ".join(map(str, change.case.mmsi)), change.case.headline, change.text, change.case.verdict)
        for change in found
    ]
    parts = ["<h2>Added, lost and changed alerts</h2>", said]
    if found:
        parts += [_overview(found, coast), _table(("", "from", "MMSI", "alert", "difference", "label"), rows)]
    for change in found[:SHOWN_MAX]:
        parts.append(_map(change.case, track, coast, INK[change.kind], f"{change.kind}: {change.text}. {change.case.headline}"))
    if len(found) > SHOWN_MAX:
        parts.append(f'<p class="note">Maps of the first {SHOWN_MAX} of {len(found)}.</p>')
    return parts


class _Frame:
    """Degrees to picture: equal scale both ways, across the antimeridian."""

    def __init__(self, points: list[tuple[float, float]], wide: int, high: int) -> None:
        self.lon_0 = points[0][1]
        lats = [lat for lat, _ in points]
        lons = [self._turned(lon) for _, lon in points]
        self.squeeze = max(0.05, math.cos(math.radians((min(lats) + max(lats)) / 2)))
        self.mid = (min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2
        self.wide, self.high = wide, high
        span = max((max(lons) - min(lons)) * self.squeeze / wide, (max(lats) - min(lats)) / high, 0.02 / high)
        self.scale = 0.9 / span  # pixels to a degree of latitude

    def _turned(self, lon: float) -> float:
        return (lon - self.lon_0 + 180) % 360 - 180

    def at(self, lat: float, lon: float) -> tuple[float, float]:
        """Pixels from the upper left corner."""
        x = self.wide / 2 + (self._turned(lon) - self.mid[1]) * self.squeeze * self.scale
        return round(x, 1), round(self.high / 2 - (lat - self.mid[0]) * self.scale, 1)

    def shore(self, coast: np.ndarray) -> str:
        """The coast in the picture as one path, to the pixel."""
        up, across = self.high / 2 / self.scale, self.wide / 2 / self.scale / self.squeeze
        lat, lon = self.mid[0], self.mid[1] + self.lon_0
        lines = shore_lines(coast, (lat - up, lat + up), (lon - across, lon + across), 1.0 / self.scale)
        drawn = "".join("M" + "L".join("{:.0f} {:.0f}".format(*self.at(*spot)) for spot in line.tolist()) for line in lines)
        return f'<path class="coast" d="{drawn}" fill="none" stroke="#8a7f5c" stroke-width="1"/>' if drawn else ""

    def bar(self) -> str:
        """A scale bar of a round number of nautical miles."""
        nm = 10.0 ** math.floor(math.log10(max(1e-3, 60 * self.wide / self.scale / 3)))
        line = f'<path d="M10 {self.high - 12}h{nm / 60 * self.scale:.1f}" stroke="#333" stroke-width="2"/>'
        return f'{line}<text x="10" y="{self.high - 16}" font-size="11">{nm:g} nm</text>'


def _overview(found: list[Change], coast: np.ndarray) -> str:
    placed = [(change, (change.case.lat, change.case.lon)) for change in found]
    points = [(lat, lon) for _, (lat, lon) in placed if lat is not None and lon is not None]
    if not points:
        return ""
    frame, marks = _Frame(points, 720, 360), []
    for change, (lat, lon) in placed:
        if lat is not None and lon is not None:
            x, y = frame.at(lat, lon)
            marks.append(f'<circle cx="{x}" cy="{y}" r="5" fill="{INK[change.kind]}"><title>{escape(change.case.headline)}</title></circle>')
    key = ", ".join(f'<span style="color:{INK[kind]}">{kind}</span>' for kind in ("added", "lost", "changed"))
    drawn = f'<svg width="720" height="360" role="img" aria-label="map of changed alerts">{frame.shore(coast)}{"".join(marks)}{frame.bar()}</svg>'
    return f'<figure style="max-width:720px">{drawn}<figcaption>{key}</figcaption></figure>'


def _map(case: CaseRow, track: Track, coast: np.ndarray, ink: str, text: str) -> str:
    """The case's vessels before, during and after it."""
    tracks = [(mmsi, track(mmsi, case.t_first - ROOM_MS, case.t_last + ROOM_MS)) for mmsi in case.mmsi]
    points = [(lat, lon) for _, rows in tracks for _, lat, lon in rows.tolist()]
    if case.lat is not None and case.lon is not None:
        points.append((case.lat, case.lon))
    caption = f"<figcaption>{escape(text)} <br>{', '.join(map(str, case.mmsi))}, {escape(str(iso(case.t_first)))}, {escape(case.verdict)}</figcaption>"
    if not points:
        return f'<figure><p class="note">no position kept</p>{caption}</figure>'
    frame, lines = _Frame(points, WIDE, HIGH), []
    for number, (mmsi, rows) in enumerate(tracks):
        shade = ("#1a5fb4", "#26a269", "#813d9c", "#986a44")[number % 4]
        for part in np.split(rows, np.flatnonzero(np.diff(rows[:, 0]) > SILENT_MS) + 1) if len(rows) else []:
            spots = ["{},{}".format(*frame.at(lat, lon)) for _, lat, lon in part.tolist()]
            path = " ".join(spots if len(spots) > 1 else spots * 2)  # a place heard alone is a dot
            lines.append(f'<polyline points="{path}" fill="none" stroke="{shade}" stroke-width="1.5" stroke-linecap="round"><title>{mmsi}</title></polyline>')
    if case.lat is not None and case.lon is not None:
        x, y = frame.at(case.lat, case.lon)
        lines.append(f'<circle cx="{x}" cy="{y}" r="6" fill="none" stroke="{ink}" stroke-width="3"/>')
    return (
        f'<figure><svg width="{WIDE}" height="{HIGH}" role="img" aria-label="tracks">{frame.shore(coast)}{"".join(lines)}{frame.bar()}</svg>{caption}</figure>'
    )


def _sweep(now: Side) -> list[str]:
    rows, current = list[tuple[object, ...]](), -1
    for row in now.sweep:
        current = len(rows) if row.current else current
        told = row.accuracy
        rows.append((row.line_milli, row.of_100, row.alerts, row.per_operator_hour, _share(told.precision), _share(told.recall), told.unlabelled))
    head = ("caution line, milli-logits", "of 100", "alerts", "an operator-hour", "precision", "recall", "unlabelled")
    said = "All lines from one run in which every case was told; today's is marked. A line is chosen by the load that a watch can bear, not by taste."
    return ["<h2>Where the line could be</h2>", f'<p class="note">{said}</p>', _table(head, rows, current)]


def _thresholds(result: Result) -> list[str]:
    parts = list[str]()
    head = ("value", "events that stand", "alerts", "an operator-hour", "precision", "recall", "unlabelled")
    for table in result.sweeps:
        rows, current = list[tuple[object, ...]](), -1
        for row in table.rows:
            current = len(rows) if row.current else current
            told = row.accuracy
            rows.append((row.value, row.events, row.alerts, row.per_operator_hour, _share(told.precision), _share(told.recall), told.unlabelled))
        parts += [f"<h3>{escape(table.path)}</h3>", _table(head, rows, current)]
    said = "Each value ran beside the profile's own in the same run: a row is what a back-test with that value says, all else as it is. Today's is marked."
    return ["<h2>Where the thresholds could be</h2>", f'<p class="note">{said}</p>', *parts] if parts else []


def _rules(now: Side) -> list[str]:
    rows = [(row.name, row.events, row.alerts, row.alone, row.right, row.wrong, row.cpu_ms) for row in now.rules]
    head = ("rule", "event versions that fit", "alerts with it", "with it alone", "right", "wrong", "criteria, CPU ms (reckoned from some events)")
    said = f"The tracks took {now.track_cpu_s} s of CPU time, scoring every case {now.score_cpu_s} s, on this machine and in this run."
    costs = _table(("detector", "CPU ms"), list(now.detectors_cpu_ms.items()))
    shared = "What the detectors share (decoding, association, contacts) is in none of them."
    return ["<h2>What each rule brings and costs</h2>", _table(head, rows), f'<p class="note">{said}</p>', costs, f'<p class="note">{shared}</p>']


def _near(now: Side, track: Track, coast: np.ndarray) -> list[str]:
    if not now.near:
        return ["<h2>Just below the line</h2>", '<p class="note">No case.</p>']
    rows = [
        f'{{"alert_id": "{case.alert_id}", "mmsi": {case.mmsi}, "t_start": "{iso(case.t_first)}", "t_end": "{iso(case.t_last)}", "verdict": ""}}'
        for case in now.near
    ]
    said = "Cases that nobody was told of, the nearest first. Look, fill in right or wrong, keep the rows as a file, and give it as --labels next time."
    figures = [
        _map(case, track, coast, INK["near"], f"{case.headline} ({case.peak_milli}; {duration_text((case.t_last - case.t_first) / 1000)})") for case in now.near
    ]
    return ["<h2>Just below the line: worth a label</h2>", f'<p class="note">{said}</p>', *figures, f"<pre>{escape(chr(10).join(rows))}</pre>"]


def _stamp(result: Result) -> list[str]:
    sides = [side for side in (result.now, result.before) if side is not None]
    rows = [(f"rules {side.profile} {side.version}", f"{side.profile_hash}, parameters {side.params_hash}, answered for by {side.owner}") for side in sides]
    rows += [(file["name"], file.get("sha256", "")) for file in result.data["files"]]
    return ["<h2>Stamp</h2>", _table(("", ""), [("dogwatch", result.dogwatch), ("zones", result.data["zones"]), *rows])]


def write_report(
    result: Result, whole: np.ndarray, report: Path, json_file: Path | None = None, junit_file: Path | None = None, coast: np.ndarray = NO_COAST
) -> None:
    """Write the page, and the figures and gates where they are wanted. Raises SurroundingsError."""
    replace_file(report, page(result, whole, coast))
    if json_file is not None:
        replace_file(json_file, msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    if junit_file is not None:
        replace_file(junit_file, junit(result))
