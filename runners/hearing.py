"""Where dark rules are suspended, for the page: which receivers are down, and the cells that nobody else hears. May hold: that reading of the ears.

May not: judge a silence (tracks/dark.py), learn, draw.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from dogwatch.times import iso
from tracks.coverage import Coverage
from tracks.ears import Ears
from tracks.step import TrackState

EVERYWHERE = "*"  # nobody listens: a source is silent, or the system was down
SHARE_MIN = 0.5  # a receiver that hears less of what sails in a cell does not stand in for another


def ears_of(track: TrackState) -> Ears:
    """The ears of a watch; those that hear nothing where nobody looks for silences."""
    return track.sight.ears or Ears()


def suspended(ears: Ears, coverage: Coverage) -> dict[str, str | None]:
    """Receivers that are down and since when (ISO 8601); EVERYWHERE where no silence means anything at all.

    Those are the receivers of which the watch has published that they are down; one that is heard now and then only was never missed.
    """
    found: dict[str, str | None] = {coverage.groups[group]: iso(page.event.t_start) for group, page in sorted(ears.down.pages.items())}
    return {EVERYWHERE: None, **found} if ears.deaf else found


def mark(cells: dict[str, Any], down: Collection[str]) -> dict[str, Any]:
    """The same GeoJSON (runners.coverage_map.features) with `suspended` in each cell: learned by a receiver that is down, and well heard by none that lives."""

    def spot(cell: dict[str, Any]) -> tuple[float, float, str]:
        west, south = cell["geometry"]["coordinates"][0][0]
        return west, south, cell["properties"]["ais_class"]

    def lives(said: dict[str, Any]) -> bool:
        return said["receiver"] not in down and said["heard_share"] >= SHARE_MIN

    learned = [cell for cell in cells["features"] if cell["properties"]["learned"]]
    heard = {spot(cell) for cell in learned if EVERYWHERE not in down and lives(cell["properties"])}
    for cell in cells["features"]:
        said = cell["properties"]
        said["suspended"] = said["learned"] and spot(cell) not in heard and (EVERYWHERE in down or said["receiver"] in down)
    return cells
