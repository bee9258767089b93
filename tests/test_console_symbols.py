"""Symbols styled after IMO SN.1/Circ.243/Rev.2, point by point: each is drawn on an empty sea and its pixels are looked at. In headless Chromium."""

from __future__ import annotations

from typing import Any

import numpy as np

from dogwatch.batch import new_fixes
from tests.console_harness import CENTRE, T0, Harness, alert, batch
from tests.console_page import Browser, clean, in_browser, shoot

pytestmark = in_browser
# name: (MMSI, type, course in degrees or none, tenths of a knot, minutes since it was heard)
TARGETS: dict[str, tuple[int, int, int | None, int, int]] = {
    "sleeping": (198_100_001, 1, 0, 0, 0),
    "sleeping, eastward": (198_100_002, 1, 90, 0, 0),
    "sleeping, no course": (198_100_003, 1, None, 0, 0),
    "activated": (198_100_004, 1, 0, 100, 0),
    "dangerous": (198_100_005, 1, 0, 0, 0),
    "selected": (198_100_006, 1, 0, 0, 0),
    "lost": (198_100_007, 1, 0, 100, 10),
    "base": (1_981_008, 4, None, 1023, 0),
    "aid": (991_981_009, 21, None, 1023, 0),
    "virtual aid": (991_986_010, 21, None, 1023, 0),
    "SART": (970_010_011, 1, None, 0, 0),
    "aircraft": (111_198_012, 9, 0, 0, 0),
}
HALF = 22  # pixels around a target
LOOK = """(() => {
  const { sea, vessels } = dogwatch, from = sea.map.getCanvas(), flat = document.createElement('canvas'), ratio = from.width / from.clientWidth;
  Object.assign(flat, { width: from.width, height: from.height });
  const two = flat.getContext('2d', { willReadFrequently: true });
  two.drawImage(from, 0, 0);
  return Object.fromEntries(MMSI.map((mmsi) => {
    const s = vessels.slotOfMmsi(mmsi), { x, y } = sea.map.project([vessels.lon[s], vessels.lat[s]]);
    return [mmsi, [...two.getImageData(Math.round(x * ratio) - HALF, Math.round(y * ratio) - HALF, 2 * HALF + 1, 2 * HALF + 1).data]];
  }));
})()""".replace("HALF", str(HALF))


def sea_of_targets() -> Harness:
    """One of each, in two rows a mile apart."""
    harness = Harness(vessels=0)
    rows = new_fixes(len(TARGETS))
    for i, (mmsi, kind, course, sog, minutes) in enumerate(TARGETS.values()):
        row = rows[i : i + 1]
        row["mmsi"], row["msg_type"], row["sog"], row["t_ms"] = mmsi, kind, sog, T0 - minutes * 60_000
        row["cog"], row["hdg"] = (3600, 511) if course is None else (course * 10, course)
        row["lat"] = round((CENTRE[0] + (0.01 if i % 2 else -0.01)) * 600_000)
        row["lon"] = round((CENTRE[1] + (i // 2 - 2.5) * 0.012) * 600_000)
    harness.picture.update(batch(rows[rows["t_ms"] < T0]))
    harness.picture.update(batch(rows[rows["t_ms"] == T0]))
    return harness


def pixels(browser: Browser) -> dict[str, np.ndarray]:
    """Of each target the pixels around it, by row, column and colour."""
    names = {str(told[0]): name for name, told in TARGETS.items()}
    found: dict[str, Any] = browser("evaluate", js=LOOK.replace("MMSI", str([told[0] for told in TARGETS.values()]), 1))
    return {names[mmsi]: np.array(data).reshape(2 * HALF + 1, 2 * HALF + 1, 4)[:, :, :3].astype(int) for mmsi, data in found.items()}


def test_each_target_has_its_form(browser: Browser) -> None:
    served = sea_of_targets()
    place = {"lat": CENTRE[0] + 5, "lon": CENTRE[1]}
    served.board.publish(alert(1, level="caution", mmsi=TARGETS["activated"][0], **place))
    served.board.publish(alert(2, level="alarm", mmsi=TARGETS["dangerous"][0], **place))
    browser("open", url=served.start() + f"?keep-pixels#map=12.4/{CENTRE[0]}/{CENTRE[1]}")
    try:
        browser.until(
            f"window.dogwatch?.state.map === 'ready' && dogwatch.vessels.statics.size === {len(TARGETS)} && dogwatch.state.alerts.size === 2", seconds=90
        )
        browser("evaluate", js=f"void (dogwatch.sea.layer.flashing = false, dogwatch.state.vessel = dogwatch.vessels.byMmsi.get({TARGETS['selected'][0]}))")
        browser.until("dogwatch.sea.layer.marks.count === 4")
        frames = browser("evaluate", js="dogwatch.sea.layer.frames")
        browser.until(f"dogwatch.sea.layer.frames > {frames} + 2")
        seen = pixels(browser)
        shoot(browser, "console-symbols")
    finally:
        clean(browser)
        browser("close")
        served.stop()
    sea = seen["base"][0, 0]
    drawn = {name: np.abs(found - sea).sum(axis=2) > 60 for name, found in seen.items()}

    def at(name: str, dx: int, dy: int) -> bool:
        """Whether anything is drawn within a pixel of an offset from the target, east and south."""
        return bool(drawn[name][HALF + dy - 1 : HALF + dy + 2, HALF + dx - 1 : HALF + dx + 2].any())

    def reach(name: str) -> tuple[int, int, int, int]:
        """How far it reaches west, east, north and south, pixels."""
        y, x = np.nonzero(drawn[name])
        return HALF - int(x.min()), int(x.max()) - HALF, HALF - int(y.min()), int(y.max()) - HALF

    west, east, north, _ = reach("sleeping")
    assert north > west, "an acute triangle"
    assert abs(west - east) <= 1
    assert drawn["sleeping"][: HALF - 1].sum() < drawn["sleeping"][HALF + 2 :].sum(), "its apex is ahead"
    assert (np.rot90(drawn["sleeping"], -1) & drawn["sleeping, eastward"]).sum() > 0.8 * drawn["sleeping"].sum(), "on the heading"
    assert not drawn["sleeping, no course"][HALF, HALF], "an open circle: no invented course"
    ring = reach("sleeping, no course")
    assert abs(ring[0] + ring[1] - ring[2] - ring[3]) <= 1
    assert drawn["activated"].sum() > 1.5 * drawn["sleeping"].sum()
    assert at("activated", 0, -20), "its vector goes ahead"
    assert drawn["dangerous"].sum() > 2 * drawn["sleeping"].sum(), "bold"
    red, green, _ = seen["dangerous"][HALF + 3, HALF]
    assert red - green > 100, "red"
    assert all(at("selected", dx, dy) for dx in (-14, 14) for dy in (-14, 14)), "corners of a square"
    assert not any(at("selected", dx, dy) for dx, dy in ((0, 14), (-14, 0), (14, 0))), "and no sides"
    assert all(at("lost", dx, dy) for dx, dy in ((0, 0), (-3, -3), (3, -3), (-3, 3), (3, 3))), "a cross"
    assert np.abs(seen["lost"][HALF, HALF] - sea).sum() > 250, "a bold one, though nothing was heard for long"
    assert not any(at("lost", dx, dy) for dx, dy in ((0, -8), (0, -16), (7, 0), (0, 8))), "without a vector"
    assert not at("base", 0, 0)
    assert all(at("base", dx, dy) for dx in (-4, 4) for dy in (-4, 4)), "a square"
    for name in ("aid", "virtual aid"):
        assert at(name, 0, 0), "a cross-hair"
        assert not any(at(name, dx, dy) for dx in (-6, 6) for dy in (-6, 6)), "in a diamond"
    assert drawn["virtual aid"].sum() < drawn["aid"].sum(), "whose frame is dashed where it is virtual"
    assert at("SART", 0, 0)
    assert all(at("SART", dx, dy) for dx in (-4, 4) for dy in (-4, 4)), "a cross"
    assert all(at("SART", dx, dy) for dx, dy in ((0, -9), (0, 9), (-9, 0), (9, 0))), "in a circle"
    redness = seen["SART"][:, :, 0] - seen["SART"][:, :, 1]
    assert redness[HALF, HALF] > 100, "red"
    assert redness[HALF - 5, HALF] < redness[HALF, HALF] / 2, "open between both"
    assert all(at("aircraft", dx, dy) for dx, dy in ((0, -5), (0, 4), (-4, 1), (4, 1))), "a fuselage and wings"
