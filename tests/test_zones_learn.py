"""Learned anchorages: stays equal the naive twin, places are found anywhere on the globe, and nothing masks before somebody says yes."""

from __future__ import annotations

import json
from dataclasses import replace

import naive_zones as naive
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dogwatch import blob
from dogwatch.errors import ConfigError, InputError
from dogwatch.geo import FULL_TURN, HALF_TURN
from runners.cli import app
from runners.zoning import LEARN_SCHEMA, BuildOptions, approve, build_zones
from zones import check
from zones.coast import build_coast
from zones.geography import Geography
from zones.geojson import examine, load_zones
from zones.kinds import PROPOSAL
from zones.learn import HOUR_MS, KEEP_MS, PRESETS, Learner, LearnRule, anchorages, cells_of, centre_of, features_of
from zones.ports import build_ports
from zones.rings import edges_of

DEG = 600_000
NM = 10_000
EMPTY_PORTS = build_ports([])
# a coast along the equator: places south of it are as many miles off as their latitude says
ISLAND = build_coast(edges_of([shapely.box(-20 * DEG, 0, 20 * DEG, 5 * DEG)]))
OPEN_SEA = build_coast(np.empty((0, 4), np.int32))


def lying(rng, n, lat_deg, lon_deg, *, hours=14.0, spread_m=150.0, first=200_000_001, step_s=180, apart_m=150.0, types=(70, 80, 60)):
    """Columns (mmsi, t_ms, lat, lon) of n vessels that lie about a place, and {mmsi: type}."""
    t = np.arange(0, int(hours * 3600) + 1, step_s) * 1000
    rows = []
    for k in range(n):
        own = rng.normal(0, apart_m / 0.185, 2)
        about = rng.normal(0, spread_m / 2 / np.sqrt(2) / 0.185, (len(t), 2)) + own
        lat = np.rint(lat_deg * DEG + about[:, 0]).astype(np.int32)
        lon = np.rint(lon_deg * DEG + about[:, 1] / np.cos(np.radians(lat_deg))).astype(np.int64)
        lon = ((lon + HALF_TURN) % FULL_TURN - HALF_TURN).astype(np.int32)
        rows.append((np.full(len(t), first + k, np.uint32), t, lat, lon))
    return [np.concatenate(c) for c in zip(*rows, strict=True)], {first + k: types[k % len(types)] for k in range(n)}


def learned(columns, types, rule=None, coast=OPEN_SEA, ports=EMPTY_PORTS):
    learner = Learner(rule or LearnRule())
    learner.note_types(np.array(list(types), np.uint32), np.array(list(types.values()), np.uint8))
    learner.add(*columns)
    return anchorages(learner, coast, ports)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 62.0, -75.0]), st.sampled_from([0.0, 179.999, -180.0]), st.integers(1, 40))
def test_stays_equal_the_naive_twin_however_they_are_cut(seed, lat_deg, lon_deg, cut):
    """Random walks with rests, silences, late rows and repeated times; fed in pieces of random size."""
    rng = np.random.default_rng(seed)
    n = 160
    mmsi = rng.integers(200_000_001, 200_000_004, n).astype(np.uint32)
    t = np.cumsum(rng.choice([0, 600_000, 3_600_000, 20_000_000], n)) - rng.choice([0, 0, 0, 900_000], n)
    step = rng.choice([0, 30, 900, 9000], n)
    lat = np.clip(round(lat_deg * DEG) + np.cumsum(rng.integers(-1, 2, n) * step), -53_000_000, 53_000_000).astype(np.int32)
    lon = ((round(lon_deg * DEG) + np.cumsum(rng.integers(-1, 2, n) * step) + HALF_TURN) % FULL_TURN - HALF_TURN).astype(np.int32)
    learner = Learner(replace(LearnRule(), days=10_000.0))
    for a in range(0, n, cut):
        learner.add(mmsi[a : a + cut], t[a : a + cut], lat[a : a + cut], lon[a : a + cut])
        if a % 3 == 0:
            learner = Learner.from_sections(blob.unpack(blob.pack(learner.to_sections(), schema=LEARN_SCHEMA), schema=LEARN_SCHEMA), learner.rule)
    got = [(int(s["mmsi"]), int(s["from_ms"]), int(s["to_ms"]), int(s["reports"])) for s in learner.stays()]
    rows = list(zip(mmsi.tolist(), t.tolist(), lat.tolist(), lon.tolist(), strict=True))
    assert sorted(got) == naive.stays(rows, 500.0, 43_200_000, KEEP_MS)


@pytest.mark.parametrize("lat_deg", [0.0, -17.5, 61.0, 79.0, -84.0])
@pytest.mark.parametrize("lon_deg", [12.3, 180.0, -179.9999])
def test_an_anchorage_is_found_anywhere_on_the_globe(lat_deg, lon_deg):
    columns, types = lying(np.random.default_rng(5), 60, lat_deg, lon_deg)
    places = learned(columns, types)
    assert len(places) == 1
    (place,) = places
    assert place.kind == "anchorage"
    assert place.vessels == 60
    assert abs(place.lat_deg - lat_deg) < 0.005
    assert abs((place.lon_deg - lon_deg + 180) % 360 - 180) < 0.005 / np.cos(np.radians(lat_deg))
    zones, faults = examine(check.collection_text(features_of(places, "dogwatch")), file="f")
    assert not faults
    assert zones[0].area_km2 == pytest.approx(0.25 * len(place.cells), rel=0.1)


def test_too_few_vessels_too_short_and_too_seldom_heard_teach_nothing():
    rng = np.random.default_rng(6)
    assert learned(*lying(rng, 19, 10.0, 10.0, apart_m=30)) == []
    assert len(learned(*lying(rng, 20, 10.0, 10.0, apart_m=30))) == 1
    assert learned(*lying(rng, 40, 10.0, 10.0, hours=11.5)) == []
    assert learned(*lying(rng, 40, 10.0, 10.0, step_s=360)) == [], "140 positions of each"


def test_the_published_rule_counts_each_cell_alone():
    """20 vessels in the middle of a cell are an anchorage to both; 40 on the corner of four cells to ours only."""
    lat, lon = centre_of(int(cells_of(np.array([10 * DEG]), np.array([10 * DEG]))[0]))
    rng = np.random.default_rng(16)
    middle = lying(rng, 24, lat / DEG, lon / DEG, apart_m=20)
    corner = lying(rng, 40, (lat + 1350) / DEG, (lon + 1370) / DEG, apart_m=60)
    assert len(learned(*middle)) == len(learned(*middle, rule=PRESETS["gfw_anchorage"])) == 1
    assert len(learned(*corner)) == 1
    assert learned(*corner, rule=PRESETS["gfw_anchorage"]) == []


def test_passing_and_drifting_traffic_teaches_nothing():
    t = np.arange(0, 16 * 3600, 60) * 1000
    for kn in (0.4, 5.0, 14.0):
        rows = [
            (np.full(len(t), 201_000_000 + k, np.uint32), t, np.rint(t / HOUR_MS * kn * NM).astype(np.int32), np.full(len(t), 7 * DEG, np.int32))
            for k in range(30)
        ]
        assert learned([np.concatenate(c) for c in zip(*rows, strict=True)], {}) == [], kn


def test_near_a_port_of_the_table_fewer_vessels_are_enough():
    columns, types = lying(np.random.default_rng(7), 6, 10.0, 10.0, apart_m=30)
    port = build_ports([(10 * DEG, 10 * DEG + NM, "XXAAA", "Alpha")])
    (place,) = learned(columns, types, ports=port)
    assert place.name == "Learned anchorage near Alpha"
    assert learned(columns, types) == []
    assert learned(columns, types, PRESETS["gfw_anchorage"], ports=port) == [], "their rule knows no ports"


def test_berths_are_told_from_anchorages():
    rng = np.random.default_rng(8)
    quay, moored = lying(rng, 30, 10.0, 10.0, spread_m=15, apart_m=60)
    roads, swinging = lying(rng, 30, 10.1, 10.0, spread_m=200, first=210_000_001)
    both = [np.concatenate(c) for c in zip(quay, roads, strict=True)], moored | swinging
    places = {place.kind: place for place in learned(*both)}
    assert set(places) == {"port", "anchorage"}
    assert places["port"].berth_share > 0.95
    assert places["anchorage"].berth_share < 0.05
    features = {f["properties"]["kind"]: f["properties"] for f in features_of(list(places.values()), "dogwatch")}
    assert features["port"]["subkind"] == "berth"
    assert {place.kind for place in learned(*both, rule=replace(LearnRule(), berth_spread_m=0.0))} == {"anchorage"}


def test_a_new_mask_in_the_border_belt_needs_three_types_of_ships():
    rng = np.random.default_rng(9)
    for nm_off, one_type, withheld in ((10.0, True, True), (10.0, False, False), (1.0, True, False), (40.0, True, False)):
        columns, types = lying(rng, 40, -nm_off / 60, 10.0, types=(52,) if one_type else (70, 80, 60))
        (place,) = learned(columns, types, coast=ISLAND)
        assert bool(place.withheld) == withheld, (nm_off, one_type)
        assert bool(features_of([place], "x")) != withheld
    assert place.belt == "offshore"


def test_the_online_year_forgets():
    rng = np.random.default_rng(10)
    columns, types = lying(rng, 30, 10.0, 10.0)
    later = 366 * 86_400_000
    learner = Learner(LearnRule())
    learner.note_types(np.array(list(types), np.uint32), np.array(list(types.values()), np.uint8))
    learner.add(*columns)
    assert len(anchorages(learner, OPEN_SEA, EMPTY_PORTS)) == 1
    away = [np.array([299_000_001] * 2, np.uint32), np.array([later, later + 20 * HOUR_MS]), np.array([0, 0], np.int32), np.array([0, 0], np.int32)]
    learner.add(*away)
    assert anchorages(learner, OPEN_SEA, EMPTY_PORTS) == []


def test_no_vessel_but_ships_teaches():
    columns, types = lying(np.random.default_rng(11), 40, 10.0, 10.0, first=2_300_001)
    assert learned(columns, types) == []


@settings(max_examples=200, deadline=None)
@given(st.integers(-54_000_000, 54_000_000), st.integers(-HALF_TURN, HALF_TURN))
def test_a_cell_holds_its_centre_and_its_places(lat, lon):
    (cell,) = cells_of(np.array([lat]), np.array([lon])).tolist()
    lat_c, lon_c = centre_of(cell)
    assert cells_of(np.array([lat_c]), np.array([lon_c])).tolist() == [cell]
    assert abs(lat_c - lat) <= 1350
    wide_m = abs(naive.wrapped(lon_c - lon)) * np.cos(np.radians(lat_c / DEG)) * 0.18532
    assert wide_m <= 300 or abs(lat) > 53_990_000


# --- a proposal is no mask ---


def proposal(tmp_path, **more):
    columns, types = lying(np.random.default_rng(12), 60, -1 / 60, 10.0)
    (place,) = learned(columns, types, coast=ISLAND)
    rows = features_of([place], "dogwatch")
    rows[0]["properties"] |= more
    path = tmp_path / "learned.geojson"
    path.write_text(check.collection_text(rows), encoding="utf-8")
    return path, place


def test_nothing_masks_before_somebody_says_yes(tmp_path):
    path, place = proposal(tmp_path)
    here = np.array([place.lat_deg]), np.array([place.lon_deg])

    def geography():
        return Geography.build(ISLAND, EMPTY_PORTS, [load_zones(path.read_text(encoding="utf-8"))])

    before = geography()
    assert not before.masked(*here)[0]
    (relation,) = [r for r in before.relations(place.lat_deg, place.lon_deg) if r.id == place.id]
    assert (relation.kind, relation.relation) == (PROPOSAL, "inside")
    assert approve(path, [place.id], "Operations room") == [place.id]
    after = geography()
    assert after.masked(*here)[0]
    (zone,) = after.zones
    assert (zone.kind, zone.owner, zone.proposed) == ("anchorage", "Operations room", "")
    assert before.version != after.version
    assert before.zones[0].version != zone.version


def test_a_mask_of_the_border_belt_with_two_types_is_refused_even_when_approved(tmp_path):
    path, _ = proposal(tmp_path, approved=True, evidence={"belt": "border", "ship_types": 2})
    with pytest.raises(ConfigError, match="border belt from 2 types"):
        load_zones(path.read_text(encoding="utf-8"))
    path, place = proposal(tmp_path, evidence={"belt": "border", "ship_types": 2})
    text = path.read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match="nothing written"):
        approve(path, [place.id], "Operations room")
    assert path.read_text(encoding="utf-8") == text


def test_approve_names_what_is_absent(tmp_path):
    path, _ = proposal(tmp_path)
    with pytest.raises(InputError, match="no zone 'nobody'"):
        approve(path, ["nobody"], "x")
    with pytest.raises(InputError, match="nobody has said yes"):
        approve(path, ["nobody"], " ")
    done = CliRunner().invoke(app, ["zones", "approve", str(path), json.loads(path.read_text())["features"][0]["properties"]["id"], "--owner", "Watch"])
    assert done.exit_code == 0, done.output
    assert load_zones(path.read_text(encoding="utf-8")).zones[0].kind == "anchorage"


# --- from recordings ---


def table(path, columns, types):
    """A CSV of positions as `replay` reads it."""
    mmsi, t, lat, lon = columns
    order = np.argsort(t, kind="stable")
    stamp = (np.datetime64("2026-01-01", "ms") + t[order].astype("timedelta64[ms]")).astype(str)
    lines = [
        f"{m},{s}Z,{a / DEG:.6f},{b / DEG:.6f},0.1,{types[int(m)]}"
        for m, s, a, b in zip(mmsi[order], stamp, lat[order].tolist(), lon[order].tolist(), strict=True)
    ]
    path.write_text("\n".join(["mmsi,t,lat,lon,sog_kn,ship_type", *lines]) + "\n", encoding="utf-8")


def test_learning_from_recordings_goes_on_from_a_state(tmp_path):
    """Two halves of a day through a state give what the whole day gives at once."""
    columns, types = lying(np.random.default_rng(13), 24, 40.0, -50.0, apart_m=40, hours=16)
    half = columns[1] < 8 * HOUR_MS
    table(tmp_path / "whole.csv", columns, types)
    table(tmp_path / "first.csv", [c[half] for c in columns], types)
    table(tmp_path / "second.csv", [c[~half] for c in columns], types)
    said: list[str] = []
    made = build_zones(BuildOptions(tmp_path / "whole.geojson", learn=[tmp_path / "whole.csv"]), said.append)
    assert made["vessels"] == 24
    (place,) = made["learned"]
    assert place["ship_types"] == 3
    state = tmp_path / "learn.state"
    with pytest.raises(InputError, match="no zone came of it"):
        build_zones(BuildOptions(tmp_path / "half.geojson", learn=[tmp_path / "first.csv"], state=state), said.append)
    build_zones(BuildOptions(tmp_path / "half.geojson", learn=[tmp_path / "second.csv"], state=state), said.append)
    assert (tmp_path / "half.geojson").read_bytes() == (tmp_path / "whole.geojson").read_bytes()
    build_zones(BuildOptions(tmp_path / "again.geojson", state=state), said.append)
    assert (tmp_path / "again.geojson").read_bytes() == (tmp_path / "whole.geojson").read_bytes()


def test_neither_the_order_of_files_nor_who_heard_a_ship_decides_what_is_learned(tmp_path):
    """One day as a whole, as two halves named the wrong way round, and as two receivers of which each heard every other report."""
    columns, types = lying(np.random.default_rng(14), 24, 40.0, -50.0, apart_m=40, hours=16)
    half, other = columns[1] < 8 * HOUR_MS, columns[1] // 180_000 % 2 == 0
    parts = {"whole": slice(None), "early": half, "late": ~half, "one": other, "two": ~other}
    for name, which in parts.items():
        table(tmp_path / f"{name}.csv", [c[which] for c in columns], types)
    for number, names in enumerate((["whole"], ["early", "late"], ["late", "early"], ["one", "two"], ["two", "one"])):
        made = build_zones(BuildOptions(tmp_path / f"{number}.geojson", learn=[tmp_path / f"{name}.csv" for name in names]), lambda _: None)
        assert made["fixes"] == len(columns[0])
        assert (tmp_path / f"{number}.geojson").read_bytes() == (tmp_path / "0.geojson").read_bytes(), names


def test_what_somebody_said_yes_to_stays_as_it_was_when_more_is_learned(tmp_path):
    """The next day's run must neither take a yes back nor widen a mask: what lies beyond it is a proposal of its own."""
    rng = np.random.default_rng(15)
    columns, types = lying(rng, 24, 40.0, -50.0, apart_m=40)
    south, more = lying(rng, 24, 39.991, -50.0, apart_m=40, first=210_000_001)
    table(tmp_path / "monday.csv", columns, types)
    table(tmp_path / "tuesday.csv", south, more)
    out, state = tmp_path / "learned.geojson", tmp_path / "learn.state"
    (first,) = build_zones(BuildOptions(out, learn=[tmp_path / "monday.csv"], state=state), lambda _: None)["learned"]
    approve(out, [first["id"]], "Operations room")
    (yes,) = json.loads(out.read_text())["features"]
    made = build_zones(BuildOptions(out, learn=[tmp_path / "tuesday.csv"], state=state), lambda _: None)
    kept, proposed = json.loads(out.read_text())["features"]
    assert kept == yes
    assert kept["properties"]["approved"] is True
    assert made["approved_before"] == 1
    assert [place["id"] for place in made["learned"]] == [proposed["properties"]["id"]] != [first["id"]]
    assert proposed["properties"]["approved"] is False
    areas = [shapely.geometry.shape(feature["geometry"]) for feature in (kept, proposed)]
    assert areas[0].intersection(areas[1]).area == 0
    geography = Geography.build(OPEN_SEA, EMPTY_PORTS, [load_zones(out.read_text(encoding="utf-8"))])
    assert geography.masked(np.array([40.0, 39.985]), np.array([-50.0, -50.0])).tolist() == [True, False]
    again = build_zones(BuildOptions(out, state=state), lambda _: None)
    assert (again["approved_before"], len(again["learned"])) == (1, 1)
