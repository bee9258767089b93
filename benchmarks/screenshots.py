"""Pictures of the console's main views in the three palettes, for the documents: `make screenshots`, into docs/images/.

Queue, replay, dossier, rules, zones, analysis and hand-over are those of a simulated strait (the demo, played fast), so that a picture shows what a
user will see; the log-in is that of a console with a user. The moments differ from run to run, the views do not.
"""

from __future__ import annotations

import argparse
import json
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.browser import ROOT, Browser, missing
from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.picture import Picture
from console.server import Server
from console.users import Users

PALETTES = ("day", "dusk", "night")
WIDTH, HEIGHT = 1440, 810
RUN_S = 45.0  # of the demo at SPEED before the first picture: alerts of several kinds are up
SPEED = 120
PORT = 8655
BYTES_MAX = 200_000  # of one picture: they are in the repository
READY = "window.dogwatch?.state?.map === 'ready' && dogwatch.vessels.statics.size > 20 && dogwatch.state.alerts.size > 0"
AREA = [(0.42, 0.36), (0.6, 0.3), (0.66, 0.6), (0.45, 0.66)]  # of the zones' map, as shares of its width and height


def main() -> int:
    """Take all pictures. Exit code 0, 1 where one is too large, or 2 where no browser can run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--palettes", default=",".join(PALETTES))
    options = parser.parse_args()
    if why := missing():
        sys.stderr.write(f"{why}\n")
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    with _demo() as url:
        alert = _alert(url)
        _take_watch(url)
        for palette in options.palettes.split(","):
            Album(url, palette, options.out).take(alert)
    too_large = 0
    for path in sorted(options.out.glob("console-*.png")):
        too_large += path.stat().st_size > BYTES_MAX
        sys.stdout.write(f"{path} {path.stat().st_size / 1000:.0f} kB\n")
    return int(too_large > 0)


class Album:
    """The pictures of one palette."""

    def __init__(self, url: str, palette: str, out: Path) -> None:
        self.url, self.palette, self.out = url, palette, out
        self.browser = Browser()

    def take(self, alert: dict[str, Any]) -> None:
        """Every view, each in a page of its own."""
        try:
            for view in (self._watch, self._handover):
                view(alert)
            for view in (self._rules, self._zones, self._analysis, self._login):
                view()
        finally:
            self.browser.quit()

    def _open(self, url: str) -> None:
        script = f"localStorage.setItem('dogwatch.palette', '{self.palette}'); localStorage.setItem('dogwatch.operator', 'Ana');"
        self.browser("open", url=url, width=WIDTH, height=HEIGHT, script=script)

    def _shoot(self, name: str) -> None:
        self.browser("screenshot", file=str(self.out / f"console-{name}{'-' if name else ''}{self.palette}.png"))

    def _watch(self, alert: dict[str, Any]) -> None:
        """Queue, map and evidence; replay; dossier."""
        self._open(f"{self.url}?palette={self.palette}#alert={alert['alert_id']}")
        self.browser.until(READY, seconds=60)
        self.browser("press", key="z")
        self.browser("evaluate", js="void dogwatch.sea.map.setZoom(8.6)")
        self.browser.until("document.querySelector('.evidence .facts') && dogwatch.sea.map.areTilesLoaded()", seconds=60)
        time.sleep(3)  # names and the track settle
        self._shoot("")
        self.browser("press", key="r")
        self.browser.until("document.querySelector('[data-test=replay]') && dogwatch.sea.past.shown", seconds=60)
        self.browser("evaluate", js="void dogwatch.sea.map.fire('moveend')")
        time.sleep(4)
        self._shoot("replay")
        self.browser("press", key="b")
        self.browser("press", key="p")
        self.browser.until("document.querySelector('.dossier .facts')", seconds=60)
        time.sleep(2)
        self._shoot("dossier")
        self.browser("close")

    def _handover(self, alert: dict[str, Any]) -> None:
        self._open(f"{self.url}?palette={self.palette}#alert={alert['alert_id']}")
        self.browser.until(READY, seconds=60)
        self.browser("press", key="h")
        self.browser.until("document.querySelector('dialog.watch .load')", seconds=60)
        time.sleep(1)
        self._shoot("handover")
        self.browser("close")

    def _rules(self) -> None:
        self._open(f"{self.url}?view=rules")
        self.browser.until("document.querySelector('textarea')?.value.length > 1000", seconds=60)
        self.browser.until("window.dogwatch?.chart?.then((c) => c.ready.then(() => c.map.areTilesLoaded()))", seconds=60)
        self._shoot("rules")
        self.browser("close")

    def _zones(self) -> None:
        """An area as it is drawn, with its form and its vertices."""
        self._open(f"{self.url}?view=zones")
        self.browser.until("window.dogwatch?.chart?.then((c) => c.ready.then(() => c.map.areTilesLoaded() && dogwatch.pen.current))", seconds=60)
        self.browser("click", on="[data-test=draw-area]")
        box = self.browser("evaluate", js="(({x, y, width, height}) => ({x, y, width, height}))(document.querySelector('.sea-chart').getBoundingClientRect())")
        for x, y in [*AREA, AREA[0]]:
            self.browser("point", x=box["x"] + x * box["width"], y=box["y"] + y * box["height"])
        self.browser.until("document.querySelector('[data-test=checked]')?.innerText.includes('No faults')", seconds=60)
        time.sleep(1)
        self._shoot("zones")
        self.browser("close")

    def _analysis(self) -> None:
        self._open(f"{self.url}?view=analysis")
        self.browser.until("document.querySelector('[data-test=total]')", seconds=60)
        self._shoot("analysis")
        self.browser("close")

    def _login(self) -> None:
        decisions = Decisions()
        users = Users(decisions)
        users.add("ana", "watchstander", secrets.token_urlsafe(16), by="screenshots")
        server = Server(create_app(Board(), Picture(), decisions, info={"desk": "North sector", "exercise": True}, users=users))
        self._open(server.start(port=0))
        self.browser.until("document.querySelector('form.login')", seconds=60)
        self._shoot("login")
        self.browser("close")
        server.stop()


@contextmanager
def _demo() -> Iterator[str]:
    """The demo in a process of its own; its address."""
    command = [sys.executable, "-c", "from runners.cli import main; main()", "demo", "--speed", str(SPEED), "--no-browser", "--port", str(PORT)]
    demo = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{PORT}/"
    finally:
        demo.terminate()
        try:
            demo.wait(30)
        except subprocess.TimeoutExpired:
            demo.kill()


def _alert(url: str) -> dict[str, Any]:
    """The worst risk alert after RUN_S of the demo."""
    begun = time.monotonic()
    while time.monotonic() - begun < RUN_S + 180:
        time.sleep(2)
        try:
            with urllib.request.urlopen(url + "api/v1/alerts?limit=100", timeout=5) as answer:
                found = [one for one in json.load(answer)["alerts"] if one["kind"] == "risk" and one["condition"] == "active" and one["mmsi"]]
        except OSError:
            continue
        if found and time.monotonic() - begun > RUN_S:
            return dict(found[0])
    raise SystemExit("the demo raised no alert")


def _take_watch(url: str) -> None:
    """Somebody has the watch of the demo."""
    with urllib.request.urlopen(url + "api/v1/watch", timeout=5) as answer:
        version = json.load(answer)["version"]
    body = json.dumps({"by": "Ana", "role": "watchstander", "words": ""}).encode()
    headers = {"If-Match": f'"{version}"', "Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(url + "api/v1/watch/take", body, headers), timeout=5).close()


if __name__ == "__main__":
    raise SystemExit(main())
