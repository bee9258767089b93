"""Where a casualty drifts and who can be there first: reference figures, traps of the sea, and words of a person, never guesses."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.picture import Picture
from console.rescue import drift_answer
from dogwatch.errors import InputError
from dogwatch.geo import NM_M, great_circle_m
from ingest.leeway import M_PER_DEG, SHARES, Forcing, area, bound_m, drift, geojson
from ingest.rescuers import DTYPE, SHOWN, crosses_land, nearest
from tests.console_harness import T0, batch, distress, fleet

EASTWARD = Forcing(5.0, 270.0, 0.2, 90.0, doubt=False)
# Class, mean along, sd along, sd across (km) of OpenDrift 1.14.12: 6 h, wind 5 m/s and current 0.2 m/s toward east, radius 500 m, 34.5 N, 5,000 particles
REFERENCE = [("PIW-1", 5.55, 1.80, 1.66), ("REFUGEE-RAFT-1", 7.80, 0.55, 0.84), ("LIFE-RAFT-NB-1", 8.29, 1.98, 2.53), ("SKIFF-1", 7.72, 0.61, 1.42)]
DATUM = (34.5, 18.0)


def local_km(cloud, lat: float = DATUM[0], lon: float = DATUM[1]) -> tuple[np.ndarray, np.ndarray]:
    return (cloud.lon - lon) * M_PER_DEG * np.cos(np.radians(lat)) / 1000, (cloud.lat - lat) * M_PER_DEG / 1000


@pytest.mark.parametrize(("kind", "mean", "along", "across"), REFERENCE)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_reference_is_met(kind: str, mean: float, along: float, across: float, seed: int) -> None:
    """Mean within 2 %, spreads within 10 %."""
    east, north = local_km(drift(*DATUM, kind, EASTWARD, hours=6, error_m=500, particles=20_000, seed=seed))
    assert east.mean() == pytest.approx(mean, rel=0.02)
    assert (east.std(), north.std()) == (pytest.approx(along, rel=0.10), pytest.approx(across, rel=0.10))
    assert abs(north.mean()) < 0.1


@pytest.mark.parametrize(("wind_from", "current_to", "sign"), [(270, 90, (1, 0)), (90, 270, (-1, 0)), (180, 0, (0, 1)), (0, 180, (0, -1))])
def test_wind_comes_from_and_current_goes_toward(wind_from: float, current_to: float, sign: tuple[int, int]) -> None:
    for forcing in (Forcing(8, wind_from, 0, 0, doubt=False), Forcing(0, 0, 0.5, current_to, doubt=False)):
        east, north = local_km(drift(*DATUM, "SKIFF-1", forcing, hours=6, error_m=0, particles=2000))
        assert (east.mean() * sign[0] + north.mean() * sign[1]) > 4
        assert abs(east.mean() * sign[1]) + abs(north.mean() * sign[0]) < 0.3


@pytest.mark.parametrize("kind", [row[0] for row in REFERENCE])
@pytest.mark.parametrize("doubt", [False, True])
@pytest.mark.parametrize("seed", [3, 4])
def test_each_area_holds_its_share_of_the_particles(kind: str, doubt: bool, seed: int) -> None:
    cloud = drift(*DATUM, kind, Forcing(12, 200, 0.3, 45, doubt=doubt), hours=24, error_m=900, seed=seed)
    points = shapely.points(cloud.lon, cloud.lat)
    for share in SHARES:
        ring = shapely.polygons(area(cloud, share))
        inside = 100 * shapely.covers(ring, points).mean()
        assert inside == pytest.approx(share, abs=2)


def test_it_strands_and_stays_where_it_reached_land() -> None:
    wall = DATUM[1] + 0.05
    cloud = drift(*DATUM, "SKIFF-1", EASTWARD, hours=12, error_m=100, on_land=lambda la, lo: lo >= wall)
    assert cloud.ashore > 4500
    assert cloud.lon.max() < wall + 0.01
    free = drift(*DATUM, "SKIFF-1", EASTWARD, hours=12, error_m=100)
    assert free.lon.mean() > wall + 0.05


def test_over_the_date_line_and_in_the_far_north() -> None:
    found = geojson(drift(0.0, 179.97, "SKIFF-1", EASTWARD, hours=6, error_m=500), {})
    for feature in found["features"]:
        shape = shapely.geometry.shape(feature["geometry"])
        west, _, east, _ = shape.bounds
        assert -180 <= west <= east <= 180
        assert all(part.bounds[2] - part.bounds[0] < 1 for part in shapely.get_parts(shape)), "no line round the world"
    north = drift(80.0, 10.0, "SKIFF-1", EASTWARD, hours=6, error_m=500)
    east, _ = local_km(north, 80.0, 10.0)
    assert east.mean() == pytest.approx(7.72, rel=0.02)


def test_no_wind_at_all_strong_wind_and_what_makes_no_sense() -> None:
    still = drift(*DATUM, "SKIFF-1", Forcing(0, 0, 0, 0, doubt=False), hours=6, error_m=500)
    assert np.hypot(*local_km(still)).mean() < 1.2
    assert drift(*DATUM, "SKIFF-1", Forcing(25, 0, 0, 0), hours=1, error_m=0).warnings == ["wind above 20 m/s is beyond most field data"]
    for wrong in (Forcing(-1, 0, 0, 0), Forcing(5, 400, 0, 0), Forcing(float("nan"), 0, 0, 0)):
        with pytest.raises(InputError):
            drift(*DATUM, "SKIFF-1", wrong, hours=6, error_m=500)
    with pytest.raises(InputError, match="no leeway class"):
        drift(*DATUM, "BATHTUB", EASTWARD, hours=6, error_m=500)


def test_wind_and_current_are_never_guessed() -> None:
    datum = {"lat": "34.5", "lon": "18", "class": "SKIFF-1", "hours": "6"}
    bound = drift_answer(datum, None)
    (circle,) = bound["features"]
    assert circle["properties"]["part"] == "bound"
    assert circle["properties"]["radius_m"] == round(bound_m("SKIFF-1", 6) + 1000)
    assert bound_m("SKIFF-1", 12) == 2 * bound_m("SKIFF-1", 6)
    worst = drift(*DATUM, "SKIFF-1", Forcing(20, 270, 1.0, 90, doubt=False), hours=6, error_m=0)
    assert (np.hypot(*local_km(worst)) * 1000 <= bound_m("SKIFF-1", 6)).mean() > 0.95
    with pytest.raises(InputError, match="current_ms, current_to not entered"):
        drift_answer({**datum, "wind_ms": "5", "wind_from": "270"}, None)
    whole = {**datum, "wind_ms": "5", "wind_from": "270", "current_ms": "0.2", "current_to": "90"}
    for name, wrong in (("lat", "x"), ("hours", "nan"), ("wind_ms", "inf"), ("seed", "-1"), ("lat", "")):
        with pytest.raises(InputError):
            drift_answer({**whole, name: wrong}, None)
    found = drift_answer(whole, None)
    assert found == drift_answer(whole, None), "a seed gives the same twice"
    assert {f["properties"]["part"] for f in found["features"]} == {"area", "track", "particles"}
    assert all(f["properties"]["entered_by"] == "operator" for f in found["features"])
    assert "not a SAROPS replacement" in found["note"]


# --- who can be there first ------------------------------------------------------------------------------------------------


def ships(*rows: tuple) -> np.ndarray:
    """(mmsi, lat, lon, sog, class, age in s) each, course north."""
    out = np.empty(len(rows), DTYPE)
    for i, (mmsi, lat, lon, sog, kind, age) in enumerate(rows):
        out[i] = (mmsi, lat, lon, sog, 0.0, T0 - age * 1000, kind)
    return out


@given(
    st.lists(
        st.tuples(st.integers(200_000_000, 799_999_999), st.floats(-80, 80), st.floats(-180, 180), st.floats(0, 40), st.integers(0, 19), st.integers(0, 2000)),
        max_size=40,
    ),
    st.floats(-80, 80),
    st.floats(-180, 180),
)
@settings(max_examples=60, deadline=None)
def test_the_order_is_that_of_a_plain_loop(rows: list[tuple], lat: float, lon: float) -> None:
    """Twin: great circle over what the kind can do, one by one."""
    rows = [(*row[:3], 0.0, *row[4:]) for row in rows]  # at rest: nothing to reckon
    can = (14.0, 13.0, 18.0, 9.0, 16.0, 12.0)
    naive = sorted((great_circle_m(la, lo, lat, lon) / NM_M / can[kind] * 60, mmsi) for mmsi, la, lo, _, kind, age in rows if kind < 6 and age <= 900)
    found = nearest(ships(*rows), lat, lon, now_ms=T0)["vessels"]
    assert [one["eta_min"] for one in found] == pytest.approx([eta for eta, _ in naive[:SHOWN]], abs=0.06)


def test_who_counts_and_who_does_not() -> None:
    rows = ships(
        (257_000_001, 1.0, 0.0, 0.0, 0, 0),  # at anchor, 60 nm: can sail
        (257_000_002, 0.5, 0.0, np.nan, 5, 0),  # 30 nm, speed unknown
        (257_000_003, 0.2, 0.0, 10.0, 0, 901),  # old
        (257_000_004, 0.1, 0.0, 90.0, 5, 0),  # a wild speed is no capability
        (970_000_001, 0.0, 0.0, 0.0, 19, 0), (972_000_001, 0.0, 0.0, 0.0, 5, 0), (992_000_001, 0.0, 0.1, np.nan, 17, 0), (2_570_001, 0.0, 0.1, np.nan, 16, 0),
        (111_000_001, 0.9, 0.0, 140.0, 18, 0), (257_000_009, 0.0, 0.0, 3.0, 0, 0),
    )  # fmt: skip
    found = nearest(rows, 0.0, 0.0, now_ms=T0, never=(257_000_009,))
    assert [one["mmsi"] for one in found["vessels"]] == [257_000_004, 257_000_002, 257_000_001]
    assert found["vessels"][0]["speed_used_kn"] == 60.0
    assert [one["mmsi"] for one in found["stale"]] == [257_000_003]
    assert [one["mmsi"] for one in found["aircraft"]] == [111_000_001]
    assert found["vessels"][2]["eta_min"] == pytest.approx(60 * 60.04 / 14, abs=0.5)


def test_ties_are_stable_and_a_ship_is_reckoned_to_now() -> None:
    rows = ships((257_000_002, 0.0, 1.0, 0.0, 0, 0), (257_000_001, 0.0, -1.0, 0.0, 0, 0))
    for order in (rows, rows[::-1]):
        assert [one["mmsi"] for one in nearest(order, 0.0, 0.0, now_ms=T0)["vessels"]] == [257_000_001, 257_000_002]
    (moved,) = nearest(ships((257_000_001, -1.0, 0.0, 12.0, 0, 600)), 0.0, 0.0, now_ms=T0)["vessels"]
    assert moved["range_nm"] == pytest.approx(60.04 - 2.0, abs=0.05)


def test_land_in_the_way_is_flagged_and_kept() -> None:
    def wall(lats: np.ndarray, lons: np.ndarray) -> np.ndarray:
        return (abs(lons - 0.5) < 0.05) & (lats < 0.5)

    rows = ships((257_000_001, 0.0, 1.0, 0.0, 0, 0), (257_000_002, 0.0, -1.0, 0.0, 0, 0))
    found = nearest(rows, 0.0, 0.0, now_ms=T0, on_land=wall)["vessels"]
    assert [(one["mmsi"], one["land_in_the_way"]) for one in found] == [(257_000_001, True), (257_000_002, False)]
    assert crosses_land(0.0, 179.0, 0.0, -179.0, lambda la, lo: abs(lo) < 170) is False, "the short way over the date line"


def test_the_page_gets_both() -> None:
    board, picture = Board(), Picture()
    picture.update(batch(fleet(60)))
    board.publish(distress())
    board.publish(distress(10, lat=None, lon=None))
    with TestClient(create_app(board, picture, Decisions(), on_land=lambda la, lo: np.zeros(len(la), bool))) as client:
        found = client.get(f"/api/alerts/{9:032x}/rescuers").json()
        assert len(found["vessels"]) == SHOWN
        etas = [one["eta_min"] for one in found["vessels"]]
        assert etas == sorted(etas)
        assert client.get(f"/api/alerts/{10:032x}/rescuers").status_code == 404
        answer = client.get("/api/drift?lat=-41&lon=174.5&class=PIW-1&hours=3&wind_ms=5&wind_from=270&current_ms=0&current_to=0")
        assert (answer.status_code, len(answer.json()["features"])) == (200, 5)
        refused = client.get("/api/drift?lat=-41&lon=174.5&class=PIW-1&hours=3&wind_ms=5")
        assert (refused.status_code, "not entered" in refused.json()["error"]) == (400, True)
