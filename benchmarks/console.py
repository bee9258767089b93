"""The console under a crowded sea: `make bench-console`, or `python -m benchmarks.console --quick` for a look of two minutes.

A child process (benchmarks/console_sea.py) serves 50,000 moving vessels and takes their sentences as bytes; a headless Chromium draws them
with software GL; nineteen protocol clients stand beside it, each with both streams, so that twenty consoles are served. Then a day of event
time with vessels and alerts that come and go, played fast. All times are by the clock, on the machine as it is: `load` says how busy it was.

- bytes: all bytes of delta and key frames over all rows in them, headers included; who the vessels are (api/static) comes apart, once.
- frame cost: `map.redraw()` and the read-back of one pixel, with the vessels and without, in turns; medians.
- script: CPU time of the page's main thread in each animation frame that drew, with all its handlers and MapLibre's, from a trace of the browser
  while all streams run, before the recorders of the other figures are in the page. By the clock it says how busy the machine was; `marks` is the
  part of our marks and names, by the clock.
- byte to screen: from the moment a sentence is handed to the decoder until a frame that shows its position has been read back; `taken` until the
  page has it, before it is drawn.
- key to paint: one of `J` and `K` a second among 10,000 open alerts, with the map of the moving sea beside them, from the key to the next paint, as
  the browser itself measures it (Event Timing, in steps of 8 ms; shorter than 16 ms is not told, and counts as 16).
- memory: RSS of the server, and the page's heap after a full collection, once per hour of event time.

It ends by itself after LIMIT_S: where the machine is too busy for the whole day by then, the day ends early, which is a goal missed.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.browser import CHROMIUM, ROOT, Browser, missing
from benchmarks.console_clients import CLIENTS, Clients
from benchmarks.console_sea import MARKER_LON, MARKER_MMSI, MARKERS
from benchmarks.pipeline import machine
from benchmarks.verdicts import show_goals

SEA_S_MAX = 120.0  # until the child has said its address
TRACE_S = 15.0
LIMIT_S = 560.0  # of the whole; the day ends here, what follows takes seconds
WARM_S = 10.0  # of a live run: the page opens, kernels load
KEYS = 40
KEY_EVERY_S = 1.0
KEY_MS_MIN = 16  # shorter ones the browser does not tell
OPEN_ALERTS = 10_000
WATCH_KEYS = """void (() => {
  window.keyMs = [];
  new PerformanceObserver((list) => { for (const one of list.getEntries()) if (one.name === 'keydown') keyMs.push(one.duration); })
    .observe({ type: 'event', durationThreshold: THRESHOLD });
})()""".replace("THRESHOLD", str(KEY_MS_MIN))
VIEW = "#map=7.6/-41/174.5"
RECORD = f"""(() => {{
  const {{ vessels, sea }} = dogwatch, gl = sea.map.getCanvas().getContext('webgl2'), px = new Uint8Array(4), last = {{}};
  window.seen = []; window.taken = [];
  sea.map.on('render', () => {{
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, px);
    const at = (performance.timeOrigin + performance.now()) / 1000;
    for (let m = {MARKER_MMSI}; m < {MARKER_MMSI + MARKERS}; m++) {{
      const s = vessels.slotOfMmsi(m);
      if (s === undefined) continue;
      const n = Math.round(vessels.lon[s] * 600000) - {MARKER_LON};
      if (n !== last[m]) {{ last[m] = n; seen.push([n, at]); }}
    }}
  }});
}})()"""
FRAMES = """(() => {
  const { sea } = dogwatch, gl = sea.map.getCanvas().getContext('webgl2'), px = new Uint8Array(4), out = { full: [], blank: [], marks: [] };
  const draw = (list, scripts) => {
    const begun = performance.now();
    if (scripts) sea.mark();
    const marked = performance.now();
    sea.map.redraw();
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, px);
    list.push(performance.now() - marked);
    if (scripts) out.marks.push(marked - begun);
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, visible] of [['blank', 'none'], ['full', 'visible']]) {
      sea.map.setLayoutProperty('vessels', 'visibility', visible);
      draw([]);
      for (let i = 0; i < 3; i++) draw(out[name], name === 'full');
    }
  }
  return out;
})()"""
TAKES = "dogwatch.takes.splice(0)"
WATCH_TAKES = (
    """(() => { const { vessels } = dogwatch, take = vessels.take.bind(vessels); dogwatch.takes = [];
  vessels.take = (buffer, at) => { const begun = performance.now(); const fresh = take(buffer, at);
    dogwatch.takes.push([(buffer.byteLength - 24) / 23, performance.now() - begun, buffer.byteLength]);
    const held = (performance.timeOrigin + performance.now()) / 1000, known = (dogwatch.known ??= {});
    for (let m = FIRST; m < FIRST + COUNT; m++) {
      const s = vessels.slotOfMmsi(m), n = s === undefined ? 0 : Math.round(vessels.lon[s] * 600000) - LON;
      if (n && known[m] !== n) { known[m] = n; taken.push([n, held]); }
    }
    return fresh; }; })()""".replace("FIRST", str(MARKER_MMSI))
    .replace("COUNT", str(MARKERS))
    .replace("LON", str(MARKER_LON))
)


class Child:
    """The sea in its own process; its lines are read by a thread so that they get the time they came."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "benchmarks.console_sea", *arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.url = (self.next(SEA_S_MAX) or {})["url"]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def next(self, seconds: float) -> dict[str, Any] | None:
        """Its next line; None when it ended. Raises queue.Empty after so long."""
        return self.lines.get(timeout=seconds)

    def go(self) -> None:
        """Say the line it waits for."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Let it go; kill it when it does not."""
        try:
            self.go()
            self._process.wait(20)
        except (subprocess.TimeoutExpired, OSError):
            self._process.kill()

    def kill(self) -> None:
        """End it wherever it is."""
        self._process.kill()


def live(browser: Browser, vessels: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Twenty consoles on a live sea: bytes, frames, script, delays."""
    sea = Child("live", "--vessels", str(vessels), "--seconds", str(seconds))
    clients = Clients(sea.url)
    try:
        browser("open", url=sea.url + VIEW, width=1280, height=720)
        browser.until(f"window.dogwatch && dogwatch.state.map === 'ready' && dogwatch.vessels.count >= {vessels} && dogwatch.sea.layer.frames > 2", seconds=60)
        browser.until(f"dogwatch.vessels.slotOfMmsi({MARKER_MMSI}) !== undefined", seconds=60)
        frames = browser("evaluate", js=FRAMES.replace("ROUNDS", str(rounds)))
        clients.start()
        sea.go()
        scripts = traced(browser)  # before what records: reading pixels back is no script of the page
        browser("evaluate", js=RECORD)
        browser("evaluate", js=WATCH_TAKES)
        told = []
        while (line := sea.next(60)) is not None and "done" not in line:
            told.append(line)
        time.sleep(2.5)  # what was said last is on its way
        seen, taken, takes = (browser("evaluate", js=js) for js in ("seen", "taken", TAKES))
        browser("close")
    finally:
        clients.stop()
        sea.end()
    return {**frame_figures(frames), **scripts, **link_figures(told, seen, taken, takes, clients), "vessels": vessels, "seconds": seconds}


def keys(browser: Browser, vessels: int) -> dict[str, Any]:
    """Keys among thousands of open alerts while the sea moves: ms from each to the next paint."""
    sea = Child("live", "--vessels", str(vessels), "--seconds", "3600", "--open", str(OPEN_ALERTS))
    try:
        browser("open", url=sea.url + VIEW, width=1280, height=720)
        ready = f"dogwatch.state.map === 'ready' && dogwatch.vessels.count >= {vessels} && dogwatch.state.alerts.size >= {OPEN_ALERTS}"
        browser.until(f"window.dogwatch && {ready} && dogwatch.sea.layer.frames > 2", seconds=90)
        sea.go()
        time.sleep(WARM_S)
        browser("evaluate", js=WATCH_KEYS)
        for i in range(KEYS):
            browser("press", key="kj"[i // 20 % 2 == 0])
            time.sleep(KEY_EVERY_S)
        time.sleep(1)  # the browser tells them late
        told, at = browser("evaluate", js="[keyMs, dogwatch.state.shown.indexOf(dogwatch.state.selected)]")
        browser("close")
    finally:
        sea.kill()
    assert at >= 0, "the keys chose no alert: this measures nothing"
    return key_figures(told)


def key_figures(told: list[float]) -> dict[str, Any]:
    """Of KEYS presses: those the browser does not tell were shorter than it tells."""
    all_ms = sorted([*told, *[float(KEY_MS_MIN)] * (KEYS - len(told))])
    return {"key_ms_p50": statistics.median(all_ms), "key_ms_p95": share(all_ms, 0.95), "key_ms_max": all_ms[-1], "key_samples": len(all_ms)}


def traced(browser: Browser) -> dict[str, Any]:
    """Script of the frames that drew in TRACE_S of the run, after it has warmed up: CPU and clock, ms. A frame that drew takes longer than one that did not."""
    time.sleep(WARM_S)
    before = browser("evaluate", js="dogwatch.sea.layer.frames")
    rows = browser("trace", seconds=TRACE_S, names=["FireAnimationFrame", "MinorGC", "MajorGC"])
    drawn = browser("evaluate", js="dogwatch.sea.layer.frames") - before
    frames = sorted((row for row in rows if row[0] == "FireAnimationFrame"), key=lambda row: row[1])[-drawn:]
    cpu, clock = [row[1] for row in frames], [row[2] for row in frames]
    return {
        "script_frames": len(frames),
        "script_ms_p50": round(statistics.median(cpu), 2),
        "script_ms_p95": round(share(cpu, 0.95), 2),
        "script_clock_ms_p95": round(share(clock, 0.95), 2),
        "collector_ms": round(sum(row[1] for row in rows if row[0] != "FireAnimationFrame"), 1),
    }


def frame_figures(frames: dict[str, list[float]]) -> dict[str, Any]:
    """Medians of drawing, and how the vessels compare with the blank map."""
    blank, full = statistics.median(frames["blank"]), statistics.median(frames["full"])
    return {
        "frame_blank_ms": round(blank, 1),
        "frame_ms": round(full, 1),
        "frame_ratio": round(full / blank, 2),
        "marks_ms_p50": round(statistics.median(frames["marks"]), 2),
    }


def link_figures(told: list[dict[str, Any]], seen: list[list[float]], taken: list[list[float]], takes: list[list[float]], clients: Clients) -> dict[str, Any]:
    """What the live part of a run says: delays by marker, bytes by frame, CPU time of the server."""
    said = {line["marker"]: line["at"] for line in told if "marker" in line and line["marker"] > WARM_S / 0.2}
    alerts = {line["alert"]: line["at"] for line in told if "alert" in line}
    ticks = [line for line in told if "cpu_s" in line and line["second"] >= WARM_S]
    screen = [at - said[n] for n, at in seen if n in said]
    held = [at - said[n] for n, at in taken if n in said]
    parsed = [at - said[n] for n, at in clients.markers if n in said]
    heard = [at - alerts[one] for one, at in clients.alerts if one in alerts]
    deltas = [row for row in takes if row[0] > 0]
    return {
        "screen_s_p50": round(statistics.median(screen), 3),
        "screen_s_p95": round(share(screen, 0.95), 3),
        "screen_samples": len(screen),
        "taken_s_p50": round(statistics.median(held), 3),
        "taken_s_p95": round(share(held, 0.95), 3),
        "client_s_p95": round(share(parsed, 0.95), 3),
        "client_samples": len(parsed),
        "alert_s_p95": round(share(heard, 0.95), 3),
        "alert_samples": len(heard),
        "clients": CLIENTS,
        "clients_with_frames": clients.alive(),
        "bytes_per_vessel": round(sum(row[2] for row in takes) / sum(row[0] for row in takes), 3),
        "delta_rows_p50": round(statistics.median(row[0] for row in deltas)),
        "delta_ms_p50": round(statistics.median(row[1] for row in deltas), 2),
        "delta_ms_p95": round(share([row[1] for row in deltas], 0.95), 2),
        "server_cpu_share": round((ticks[-1]["cpu_s"] - ticks[0]["cpu_s"]) / (ticks[-1]["second"] - ticks[0]["second"]), 3),
        "sentences_per_s": round((ticks[-1]["sentences"] - ticks[0]["sentences"]) / (ticks[-1]["second"] - ticks[0]["second"])),
    }


def day(browser: Browser, vessels: int, hours: float, pace_s: float, until: float) -> dict[str, Any]:
    """A day of event time, or as much of it as fits before `until` (monotonic seconds): memory of page and server by the hour."""
    sea = Child("day", "--vessels", str(vessels), "--hours", str(hours), "--pace-s", str(pace_s))
    rows = []
    try:
        browser("open", url=sea.url + VIEW, width=1280, height=720)
        browser.until(f"window.dogwatch && dogwatch.state.map === 'ready' && dogwatch.vessels.count >= {vessels}", seconds=60)
        sea.go()
        begun = time.monotonic()
        while (line := sea.next(120)) is not None and "done" not in line:
            if "hour" in line:
                heap = browser("heap")
                rows.append({"hour": line["hour"], "server_bytes": line["rss_bytes"], "page_bytes": heap["bytes"], "nodes": heap["nodes"]})
            if time.monotonic() > until and len(rows) > 1:
                break
        held = browser("evaluate", js="({ vessels: dogwatch.vessels.count, known: dogwatch.vessels.statics.size, alerts: dogwatch.state.alerts.size })")
        report = browser("report")
        browser("close")
    finally:
        sea.end()
    growth = {f"{name}_growth": growth_of([row[f"{name}_bytes"] for row in rows]) for name in ("server", "page")}
    faults = [e for e in report["errors"] if "GPU stall" not in e]
    return {
        "vessels": vessels,
        "hours": rows[-1]["hour"],
        "wall_s": round(time.monotonic() - begun),
        **growth,
        "held_at_end": held,
        "page_faults": faults,
        "rows": rows,
    }


def growth_of(values: list[float]) -> float:
    """How much the median of the last quarter lies above that of the quarter before, as a share."""
    quarter = max(1, len(values) // 4)
    return round(statistics.median(values[-quarter:]) / statistics.median(values[-2 * quarter : -quarter]) - 1, 4)


def share(values: list[float], part: float) -> float:
    """The value below which this part of them lies."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def judged(told: dict[str, Any]) -> list[dict[str, Any]]:
    """The goals of the console, each with what was measured."""
    one, long = told["live"], told["day"]
    asked = [
        ("bytes per vessel and update", one["bytes_per_vessel"], "<=", 24.0),
        ("frame against blank map, software GL", one["frame_ratio"], "<=", 2.5),
        ("script per frame, ms of CPU (median)", one["script_ms_p50"], "<=", 5.0),
        ("script per frame, ms of CPU (95th percentile)", one["script_ms_p95"], "<=", 5.0),
        ("byte to screen p95, s", one["screen_s_p95"], "<=", 2.0),
        (f"key to paint among {OPEN_ALERTS:,} open alerts p95, ms", told["keys"]["key_ms_p95"], "<=", 100.0),
        ("change to every console p95, s", one["alert_s_p95"], "<=", 1.0),
        ("consoles served at once", one["clients_with_frames"] + 1, ">=", 20.0),
        ("hours of event time played", long["hours"], ">=", 24.0),
        ("growth of the server, last six hours of 24 against the six before", long["server_growth"], "<=", 0.05),
        ("growth of the page, the same", long["page_growth"], "<=", 0.05),
    ]
    return [
        {"name": name, "measured": measured, "sense": sense, "goal": goal, "met": measured <= goal if sense == "<=" else measured >= goal}
        for name, measured, sense, goal in asked
    ]


def main() -> int:
    """Run, print, store. Exit code 0, or 2 where no browser can run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a look: 50 s live, six hours of event time; nothing is stored")
    parser.add_argument("--vessels", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=90.0, help="of the live run; 0 leaves it out")
    parser.add_argument("--hours", type=float, default=24.0, help="of event time, played in about eight seconds each; 0 leaves them out")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/console.json"))
    options = parser.parse_args()
    console = Console()
    if why := missing():
        console.print(why)
        return 2
    browser, until = Browser(), time.monotonic() + LIMIT_S
    try:
        told: dict[str, Any] = {"machine": about_machine(), "load": [round(v, 2) for v in os.getloadavg()]}
        if seconds := 50.0 if options.quick else options.seconds:
            told["live"] = live(browser, options.vessels, seconds, 4 if options.quick else 12)
            told["keys"] = keys(browser, options.vessels)
            console.print(json.dumps({**told["live"], **told["keys"]}))
        if hours := 6.0 if options.quick else options.hours:
            told["day"] = day(browser, options.vessels // 5, hours, 0.125, until)
            console.print(json.dumps({name: value for name, value in told["day"].items() if name != "rows"}))
    finally:
        browser.quit()
    if not (told.keys() >= {"live", "keys", "day"}):
        return 0
    told["goals"] = judged(told)
    told["not_won"] = [f"{goal['name']}: {goal['measured']}" for goal in told["goals"] if not goal["met"]]
    show_goals(console, told)
    if not options.quick:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(told, indent=2) + "\n")
    return 0


def about_machine() -> dict[str, Any]:
    """Machine and versions, those of browser and map among them."""
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    said = subprocess.run([str(CHROMIUM), "--version"], capture_output=True, text=True, timeout=30, check=False).stdout.strip()
    known = {name: version(name) for name in ("starlette", "uvicorn", "websockets")}
    return {**machine(), "cores": os.cpu_count(), "chromium": said, "maplibre-gl": packages["node_modules/maplibre-gl"]["version"], **known}


if __name__ == "__main__":
    raise SystemExit(main())
