"""Peers' definitions of loitering and encounters by name: what they find of one sea, each in its own words."""

import numpy as np
import pytest
from test_tracks_rendezvous import A, B, meet
from tracks_sea import every, shown, track, watch

from tracks.presets import preset


def drifter(hours, lon=10.9, kn=0.6, change=None):
    t = every(60, hours)
    speed = np.full(len(t), kn) if change is None else change(t)
    return track(A, t, 54.5 + np.cumsum(speed * 60) / 3600 / 60, lon, sog_kn=speed, cog_deg=0.0)


@pytest.mark.parametrize(
    ("name", "hours", "lon", "found"),
    [
        ("gfw_source", 2.0, 10.4, True),
        ("gfw_product", 2.0, 10.4, False),
        ("gfw_product", 2.0, 10.9, True),
        ("pew", 3.5, 10.9, False),
        ("pew", 4.5, 10.9, True),
        ("miller2018", 4.5, 10.9, False),
        ("miller2018", 8.5, 10.9, True),
        ("rtec", 0.8, 10.4, True),
        ("starboard", 2.0, 10.4, False),
        ("starboard", 4.5, 10.4, True),
        ("skylight_speed_range", 0.6, 10.4, True),
        ("movingpandas", 1.5, 10.4, True),
    ],
)
def test_loitering_by_name(name, hours, lon, found):
    assert bool(shown(watch(drifter(hours, lon), params=preset(name))[0], "loitering")) == found


def test_t8_twenty_minutes_at_four_knots_do_not_break_a_run():
    """pipe-loitering breaks there; an hour with one report has no speed to theirs."""

    def change(t):
        return np.where((t >= 9000) & (t < 10_200), 4.0, 0.3)

    assert len(shown(watch(drifter(5.0, change=change), params=preset("gfw_source"))[0], "loitering")) == 1


@pytest.mark.parametrize(
    ("name", "metres", "hours", "found"),
    [
        ("gfw_encounter", 400, 1.5, False),
        ("gfw_encounter", 400, 2.2, True),
        ("miller2018", 480, 2.2, True),
        ("skylight_standard", 240, 0.7, True),
        ("skylight_standard", 300, 0.7, False),
        ("starboard", 190, 0.7, True),
        ("starboard", 250, 2.0, False),
        ("marinetraffic", 900, 0.3, True),
        ("rtec", 450, 0.2, True),
    ],
)
def test_rendezvous_by_name(name, metres, hours, found):
    events = watch(meet(A, B, t=every(60, hours), metres=float(metres)), params=preset(name))[0]
    assert bool(shown(events, "rendezvous")) == found
