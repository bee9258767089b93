"""The palettes, recomputed from the style sheet: every colour that a symbol, a track or a word on the map has can be seen where it is drawn, by people
who see two of three colours as well."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.console_page import ROOT
from tests.test_console_server import contrast

CSS = (ROOT / "console" / "static" / "style.css").read_text(encoding="utf-8")
HEADS = {"day": ":root {", "dusk": "='dusk'] {", "night": "='night'] {"}
GROUNDS = ("sea", "land")
MARKS = ("vessel", "focus", "zone", *(f"class-{i}" for i in range(6)), *(f"speed-{i}" for i in range(5)))
LEVELS = ("alarm", "warning", "caution")
WORDS = ("ink", "muted")  # names of ports and countries, hints
# Viénot, Brettel and Mollon (1999): what protanopes and deuteranopes see, linear RGB; tritanopes after Brettel (1997), one plane
DICHROMATS = {
    "protanope": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "deuteranope": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
    "tritanope": [[1.01277, 0.13548, -0.14826], [-0.01243, 0.86812, 0.14431], [0.07589, 0.805, 0.11911]],
}
LEAST_APART = {"day": 15, "dusk": 26, "night": 12}  # CIE76 between a vessel and a level, as the worst of them sees it


def tokens(palette: str) -> dict[str, str]:
    block = CSS.split(HEADS[palette])[1].split("}")[0]
    return dict(pair.strip().removeprefix("--").split(": ") for pair in block.split(";") if pair.strip().startswith("--"))


@pytest.fixture(params=HEADS)
def palette(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_mark_is_three_to_one_on_sea_and_land(palette: str) -> None:
    colour = tokens(palette)
    seen = {(mark, ground): contrast(colour[mark], colour[ground]) for mark, ground in itertools.product(MARKS, GROUNDS)}
    assert len(seen) == 28
    assert not {where: ratio for where, ratio in seen.items() if ratio < 3}


def test_every_level_has_a_fill_or_a_rim_of_three_to_one(palette: str) -> None:
    """A symbol of a level has a rim of 1.5 px: one of the two carries it on either ground, and the two can be told apart."""
    colour = tokens(palette)
    for level, ground in itertools.product(LEVELS, GROUNDS):
        assert max(contrast(colour[level], colour[ground]), contrast(colour["outline"], colour[ground])) >= 3, (level, ground)
    for level in LEVELS:
        assert contrast(colour[level], colour["outline"]) >= 3, level


def test_words_on_the_map_can_be_read(palette: str) -> None:
    colour = tokens(palette)
    for word, ground in itertools.product(WORDS, GROUNDS):
        assert contrast(colour[word], colour[ground]) >= 4.5, (word, ground)


def test_a_level_is_told_from_a_vessel_by_everybody(palette: str) -> None:
    colour = tokens(palette)
    for level in LEVELS:
        apart = min(np.linalg.norm(lab(colour[level], kind) - lab(colour["vessel"], kind)) for kind in DICHROMATS)
        assert apart >= LEAST_APART[palette], (level, apart)


def lab(hex_colour: str, kind: str) -> np.ndarray:
    """CIE L*a*b* (D65) of a colour as a dichromat sees it."""
    parts = np.array([int(hex_colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(DICHROMATS[kind]) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
