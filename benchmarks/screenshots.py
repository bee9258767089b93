"""Pictures of the console's main views in the three palettes, for the documents: `make screenshots`, into docs/images/.

Queue, distress, replay, dossier, rules with a back-test, zones, analysis and hand-over are those of a simulated strait (the demo, played fast), so that a
picture shows what a user will see; the log-in is that of a console with a user. The moments differ from run to run, the views do not.
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
from contextlib import contextmanager, nullcontext
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
WIDTH, HEIGHT = 1280, 720
ALERTS_MIN = 3
WAIT_S = 600.0  # until the demo has raised them: half a minute on a machine that does nothing else
TRIED = ("warning_milli = -1500", "warning_milli = -1000")  # the change of the profile that is back-tested
SPEED = 25
PORT = 8655
BYTES_MAX = 250_000  # of one picture: they are in the repository
READY = "window.dogwatch?.state?.map === 'ready' && dogwatch.vessels.statics.size > 20 && dogwatch.state.alerts.size > 0"
AREA = [(0.42, 0.36), (0.6, 0.3), (0.66, 0.6), (0.45, 0.66)]  # of the zones' map, as shares of its width and height


def main() -> int:
    """Take all pictures. Exit code 0, 1 where one is too large, or 2 where no browser can run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--url", help="of a demo that runs already")
    parser.add_argument("--palettes", default=",".join(PALETTES))
    options = parser.parse_args()
    if why := missing():
        sys.stderr.write(f"{why}\n")
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    with nullcontext(options.url) if options.url else _demo() as url:
        alert = _alert(url)
        _take_watch(url)
        test = _begin_test(url)
        albums = [Album(url, palette, options.out) for palette in options.palettes.split(",")]
        try:
            for view in (Album.watch, Album.distress, Album.handover, Album.zones, Album.analysis, Album.login):
                for album in albums:
                    view(album, alert)
            _propose(url, test)
            for album in albums:
                album.rules(alert)
        finally:
            for album in albums:
                album.browser.quit()
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

    def _open(self, url: str) -> None:
        script = f"localStorage.setItem('dogwatch.palette', '{self.palette}'); localStorage.setItem('dogwatch.operator', 'Ana');"
        self.browser("open", url=url, width=WIDTH, height=HEIGHT, script=script)

    def _shoot(self, name: str) -> None:
        self.browser("screenshot", file=str(self.out / f"console-{name}{'-' if name else ''}{self.palette}.png"))

    def watch(self, alert: dict[str, Any]) -> None:
        """Queue, map and evidence; replay; dossier."""
        self._open(f"{self.url}?palette={self.palette}#alert={alert['alert_id']}")
        self.browser.until(READY, seconds=60)
        self.browser("evaluate", js=f"void dogwatch.sea.map.jumpTo({{center: [{alert['lon']}, {alert['lat']}], zoom: 8.4}})")
        self.browser.until("document.querySelector('.evidence .facts')", seconds=60)
        self.browser("press", key="Shift")  # a browser makes no sound before the first key, and says so until then
        self.browser.until("!document.querySelector('.bar.stale')", seconds=60)
        time.sleep(5)  # names and the track settle
        self._shoot("")
        self.browser("press", key="r")
        self.browser.until("document.querySelector('[data-test=replay] input[type=range]')", seconds=60)
        middle = "(b => { b.value = Number(b.min) + 0.8 * (b.max - b.min); b.dispatchEvent(new Event('input', { bubbles: true })); })"
        self.browser("evaluate", js=f"void {middle}(document.querySelector('[data-test=replay] input[type=range]'))")
        self.browser.until("document.querySelector('[data-test=replay]') && dogwatch.sea.past.shown", seconds=60)
        time.sleep(4)
        self._shoot("replay")
        self.browser("press", key="b")
        self.browser("press", key="p")
        self.browser.until("document.querySelector('.dossier .facts')", seconds=60)
        time.sleep(2)
        self._shoot("dossier")
        self.browser("close")

    def distress(self, alert: dict[str, Any]) -> None:
        """A call for help, with who can be there first."""
        call = next((one for one in _alerts(self.url) if one["kind"] == "distress"), None)
        if call is None:
            raise SystemExit("the demo has raised no call for help")
        self._open(f"{self.url}?palette={self.palette}#alert={call['alert_id']}")
        self.browser.until(READY, seconds=60)
        self.browser("press", key="Shift")
        self.browser.until("dogwatch.state.aid?.found", seconds=60)
        self.browser("evaluate", js=f"void dogwatch.sea.map.jumpTo({{center: [{call['lon']}, {call['lat']}], zoom: 9.2}})")
        time.sleep(3)
        self._shoot("distress")
        self.browser("close")

    def handover(self, alert: dict[str, Any]) -> None:
        """The hand-over, as who has the watch sees it."""
        self._open(f"{self.url}?palette={self.palette}#alert={alert['alert_id']}")
        self.browser.until(READY, seconds=60)
        self.browser("press", key="h")
        self.browser.until("document.querySelector('dialog.watch .load')", seconds=60)
        time.sleep(1)
        self._shoot("handover")
        self.browser("close")

    def rules(self, alert: dict[str, Any]) -> None:
        """A changed profile and its back-test against the one in force."""
        self._open(f"{self.url}?view=rules")
        self.browser.until("document.querySelector('textarea')?.value.length > 1000", seconds=60)
        for words in ("into the editor", "its back-test"):
            self.browser("evaluate", js=f"void [...document.querySelectorAll('[data-test=version-1] button')].find((b) => b.innerText === '{words}').click()")
        self.browser.until("document.querySelector('[data-test=counts]')", seconds=60)
        self.browser.until("window.dogwatch?.chart?.then((c) => c.ready.then(() => c.map.areTilesLoaded()))", seconds=60)
        self._shoot("rules")
        self.browser("close")

    def zones(self, alert: dict[str, Any]) -> None:
        """An area as it is drawn, with its form and its vertices."""
        self._open(f"{self.url}?view=zones")
        self.browser.until("window.dogwatch?.chart?.then((c) => c.ready.then(() => c.map.areTilesLoaded() && dogwatch.pen.current !== null))", seconds=60)
        self.browser("click", on="[data-test=draw-area]")
        box = self.browser("evaluate", js="(({x, y, width, height}) => ({x, y, width, height}))(document.querySelector('.sea-chart').getBoundingClientRect())")
        for x, y in [*AREA, AREA[0]]:
            self.browser("point", x=box["x"] + x * box["width"], y=box["y"] + y * box["height"])
        self.browser.until("document.querySelector('[data-test=checked]')?.innerText.includes('No faults')", seconds=60)
        time.sleep(1)
        self._shoot("zones")
        self.browser("close")

    def analysis(self, alert: dict[str, Any]) -> None:
        """Figures for analysts."""
        self._open(f"{self.url}?view=analysis")
        self.browser.until("document.querySelector('[data-test=total]')", seconds=60)
        self._shoot("analysis")
        self.browser("close")

    def login(self, alert: dict[str, Any]) -> None:
        """The log-in of a console with a user."""
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
    """The worst risk alert, once there are ALERTS_MIN."""
    begun = time.monotonic()
    while time.monotonic() - begun < WAIT_S:
        time.sleep(2)
        try:
            found = [one for one in _alerts(url) if one["kind"] == "risk" and one["mmsi"]]
        except OSError:
            continue
        if len(found) >= ALERTS_MIN:
            return dict(min(found, key=lambda one: one["condition"] != "active"))
    raise SystemExit(f"the demo has raised no {ALERTS_MIN} alerts in {WAIT_S:.0f} s")


def _alerts(url: str) -> list[dict[str, Any]]:
    return list(_get(url + "api/v1/alerts?limit=100")["alerts"])


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return dict(json.load(answer))


def _post(url: str, seen: int | str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"If-Match": f'"{seen}"', "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=60) as answer:
        return dict(json.load(answer))


def _take_watch(url: str) -> None:
    """Somebody has the watch of the demo."""
    _post(url + "api/v1/watch/take", _get(url + "api/v1/watch")["version"], {"by": "Ana", "role": "watchstander", "words": ""})


def _begin_test(url: str) -> dict[str, Any]:
    """A back-test of a changed profile, begun; its number and text."""
    known = _get(url + "api/v1/versions/rules")
    text = known["text"].replace(*TRIED)
    if text == known["text"]:
        raise SystemExit(f"the profile has no line {TRIED[0]!r}")
    body = {"by": "Ana", "role": "analyst", "text": text}
    return {**body, "test": _post(url + "api/v1/versions/rules/test", known["revision"], body)["test"]}


def _propose(url: str, test: dict[str, Any]) -> None:
    """Propose the changed profile once its back-test is done."""
    begun = time.monotonic()
    while (state := _get(url + f"api/v1/versions/rules/tests/{test['test']}")["state"]) == "running":
        if time.monotonic() - begun > WAIT_S:
            raise SystemExit(f"the back-test took more than {WAIT_S:.0f} s")
        time.sleep(2)
    if state != "done":
        raise SystemExit(f"the back-test is {state}")
    _post(url + "api/v1/versions/rules/propose", _get(url + "api/v1/versions/rules")["revision"], {**test, "reason": "fewer warnings by night"})


if __name__ == "__main__":
    raise SystemExit(main())
