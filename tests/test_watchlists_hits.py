"""Hits: the order of evidence, a different IMO number against all of it, and an index that finds whatever comparing all with all would."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.config import Watchlist as Spec
from runners.listing import read_lists
from watchlists.entry import Entry
from watchlists.hit import TIERS, Vessel, judge, vessel_of
from watchlists.index import form_hashes
from watchlists.names import shortened
from watchlists.reading import Reading
from watchlists.screen import Watchlists, columns_of
from watchlists.watchlist import Watchlist

SHARED = Path(os.environ.get("DOGWATCH_SHARED_DATA", Path(__file__).resolve().parent.parent.parent / "shared" / "data"))
OFAC = SHARED / "tab-sanctions" / "ofac_sdn.csv"
IMO, OTHER_IMO, MMSI = 9_999_010, 9_999_022, 351_999_001
LISTED = Entry("1", 1, ("EXAMPLE TRADER",), ("OLD EXAMPLE",), (IMO,), (MMSI,), ("3EXX1",), ("PA",), ("MT",), 180)


def lists_of(*entries, **more):
    return Watchlists((Watchlist("x", "csv", "v1", tuple(entries), Reading(), **more),))


def hit(entry=LISTED, **told):
    return judge(vessel_of(told.get("mmsi", 257_999_001), told.get("imo", 0), told.get("callsign", ""), told.get("name", ""), told.get("loa_m", 0)), entry)


@pytest.mark.parametrize(
    ("told", "tier", "confidence"),
    [
        ({"imo": IMO, "name": "EXAMPLE TRADER"}, "confirmed_identifier", 0.98),
        ({"imo": IMO, "mmsi": MMSI, "name": "RENAMED"}, "confirmed_identifier", 0.98),
        ({"imo": IMO, "name": "OLD EXAMPLE"}, "confirmed_identifier", 0.95),
        ({"imo": IMO}, "confirmed_identifier", 0.9),
        ({"imo": IMO, "name": "RENAMED"}, "confirmed_identifier", 0.85),
        ({"mmsi": MMSI, "name": "EXAMPLE TRADER"}, "probable", 0.9),
        ({"mmsi": MMSI, "name": "EXAMPLE TRADR"}, "probable", 0.9),
        ({"mmsi": MMSI, "callsign": "3EXX1", "name": "RENAMED"}, "probable", 0.9),
        ({"mmsi": MMSI}, "probable", 0.6),
        ({"mmsi": MMSI, "name": "SOMEBODY ELSE"}, "probable", 0.4),
        ({"callsign": "3EXX1", "name": "EXAMPLE TRADER"}, "probable", 0.7),
        ({"callsign": "3EXX1"}, "name_only", 0.4),
        ({"name": "EXAMPLE TRADER", "mmsi": 352_999_001, "loa_m": 182}, "name_only", 0.7),
        ({"name": "EXAMPLE TRADER"}, "name_only", 0.4),
        ({"name": "EXAMPLE TRADER", "loa_m": 60}, "name_only", 0.25),
        ({"name": "EXAMPLE TRADER", "mmsi": 248_999_001}, "name_only", 0.5),
    ],
)
def test_imo_over_mmsi_over_call_sign_over_name(told, tier, confidence):
    found = hit(**told)
    assert (found.tier, found.confidence, found.conflict) == (tier, confidence, False)


@pytest.mark.parametrize("told", [{"mmsi": MMSI}, {"callsign": "3EXX1"}, {"mmsi": MMSI, "name": "EXAMPLE TRADER", "callsign": "3EXX1", "loa_m": 180}])
def test_another_valid_imo_number_is_stronger_than_everything_else(told):
    found = hit(imo=OTHER_IMO, **told)
    assert found.conflict
    assert found.tier == "name_only"
    assert found.confidence <= 0.2
    assert [field.name for field in found.differs if field.name == "imo"]


def test_a_namesake_with_another_imo_number_is_nobody():
    assert hit(imo=OTHER_IMO, name="EXAMPLE TRADER", mmsi=352_999_001, loa_m=180) is None
    assert hit(name="EXAMPLE TRADER", mmsi=352_999_001, loa_m=180) is not None


def test_an_imo_number_that_cannot_be_neither_confirms_nor_contradicts():
    for number in (9_999_011, 1_234_567, 12, 99_990_10_0):
        assert not hit(imo=number, mmsi=MMSI, name="EXAMPLE TRADER").conflict
        assert hit(imo=number) is None


@pytest.mark.parametrize("mmsi", [111_111_110, 123_456_789, 0])
def test_placeholders_never_match(mmsi):
    entry = Entry("1", 1, mmsis=(mmsi,))
    assert judge(vessel_of(mmsi, 0, "", "", 0), entry) is None
    assert lists_of(entry).in_force(0).screen(columns_of([Vessel(mmsi)])) == {}


def test_former_names_and_flags_weigh_less():
    assert hit(name="OLD EXAMPLE").confidence < hit(name="EXAMPLE TRADER").confidence
    assert hit(name="EXAMPLE TRADER", mmsi=248_999_001).confidence < hit(name="EXAMPLE TRADER", mmsi=352_999_001).confidence
    assert [field.how for field in hit(name="OLD EXAMPLE").matched] == ["former"]


def test_every_hit_says_what_agrees_and_what_does_not():
    found = hit(imo=IMO, name="RENAMED", callsign="9VXX1", loa_m=60)
    assert [(field.name, field.told, field.listed) for field in found.matched] == [("imo", str(IMO), str(IMO))]
    assert {field.name for field in found.differs} == {"mmsi", "callsign", "name", "flag", "length"}


def test_one_name_on_two_ships_of_the_real_list():
    if not OFAC.exists():
        pytest.skip(f"LOUD: the real OFAC list is absent at {OFAC}; set DOGWATCH_SHARED_DATA to test it")
    force = read_lists([Spec(name="ofac", path=str(OFAC))]).in_force(0)
    twins = [entry for _, entry in force.entries if entry.title == "TERIBERKA"]
    assert len(twins) == 2
    for one, other in (twins, twins[::-1]):
        vessel = Vessel(273_999_001, one.imos[0], "", "TERIBERKA")
        assert judge(vessel, one).tier == "confirmed_identifier"
        assert judge(vessel, other) is None
        assert force.screen(columns_of([vessel]))[0]["ofac"].entry.id == one.id
    for _, entry in force.entries:
        if entry.imos:
            found = force.hit(Vessel(257_999_001, entry.imos[0]), "ofac")
            assert found.tier == "confirmed_identifier"
            assert entry.imos[0] in found.entry.imos


NAMES = st.one_of(
    st.text("AB 1", max_size=8).map(lambda tail: "STAR" + tail), st.sampled_from(["BALTIYSKIY ISSLEDOVATEL", "BALTIYSKIY ISSLEDOVA", "OCEAN I", ""])
)
IMOS, MMSIS, SIGNS = [0, IMO, OTHER_IMO, 9_999_034, 9_999_035], [MMSI, 257_999_001, 538_999_002, 111_111_110], ["", "3EXX1", "LAXX2", "NONE"]


def some(values):
    return st.lists(st.sampled_from([value for value in values if value]), max_size=2, unique=True).map(tuple)


ENTRIES = st.builds(
    lambda k, names, former, imos, mmsis, signs, length_m: Entry(str(k), k, names, former, imos, mmsis, signs, ("PA",), (), length_m),
    st.integers(0, 99),
    st.lists(NAMES, max_size=2).map(tuple),
    st.lists(NAMES, max_size=1).map(tuple),
    some(IMOS[:4]),
    some(MMSIS[:3]),
    some(SIGNS[:3]),
    st.sampled_from([0, 60, 180]),
)
VESSELS = st.builds(
    Vessel, st.sampled_from(MMSIS), st.sampled_from(IMOS), st.sampled_from(SIGNS), NAMES.map(lambda name: name[:20].strip()), st.sampled_from([0, 60, 175])
)


@settings(deadline=None, max_examples=80)
@given(st.lists(ENTRIES, max_size=6), st.lists(VESSELS, max_size=5))
def test_the_index_finds_what_comparing_all_with_all_finds(entries, vessels):
    found = lists_of(*entries).in_force(0).screen(columns_of(vessels))
    for row, told in enumerate(vessels):
        clean = vessel_of(told.mmsi, told.imo, told.callsign, told.name, told.loa_m)
        hits = [one for entry in entries if (one := judge(clean, entry)) is not None]
        best = max(hits, key=lambda one: one.rank) if hits else None
        assert found.get(row, {}).get("x") == best


@settings(deadline=None, max_examples=80)
@given(ENTRIES, VESSELS)
def test_a_name_is_never_more_than_a_name_and_a_conflict_never_more_than_that(entry, told):
    found = judge(vessel_of(told.mmsi, told.imo, told.callsign, told.name, told.loa_m), entry)
    if found is None:
        return
    how = {field.name: field.how for field in (*found.matched, *found.differs)}
    if not {"imo", "mmsi", "callsign"} & {field.name for field in found.matched}:
        assert found.tier == "name_only"
    if how.get("imo") == "other":
        assert (found.tier, found.conflict) == ("name_only", True)
    if how.get("imo") == "equal":
        assert found.tier == "confirmed_identifier"
    assert 0 < found.confidence <= 0.98
    assert found.tier in TIERS


def test_versions_of_a_list_follow_each_other_by_event_time():
    old = Watchlist("x", "csv", "v1", (LISTED,), Reading(), from_ms=1000, until_ms=2000, steps_ms=(1000, 2000))
    new = Watchlist("x", "csv", "v2", (Entry("2", 1, imos=(OTHER_IMO,)),), Reading(), from_ms=2000, steps_ms=(2000,))
    both = Watchlists((new, old))
    assert both.in_force(999).lists == {}
    assert both.in_force(1000).lists["x"].version == both.in_force(1999).lists["x"].version == "v1"
    assert both.in_force(2000).lists["x"].version == "v2"
    assert len({both.in_force(t).stamp for t in (999, 1000, 1999, 2000)}) == 3
    alone = Watchlists((old,))
    assert alone.in_force(5000).lists["x"].version == "v1", "to forget a list because its renewal is late would be worse"
    assert alone.in_force(5000).old == {"x"}


def test_an_entry_counts_within_its_period():
    entry = Entry("1", 1, imos=(IMO,), from_ms=1000, until_ms=2000)
    lists = Watchlists((Watchlist("x", "csv", "v1", (entry,), Reading(), steps_ms=(1000, 2000)),))
    vessel = columns_of([Vessel(MMSI, IMO)])
    assert [bool(lists.in_force(t).screen(vessel)) for t in (999, 1000, 1999, 2000)] == [False, True, True, False]


def test_no_list_hits_nobody():
    assert not Watchlists()
    assert Watchlists().in_force(0).screen(columns_of([Vessel(MMSI, IMO, "3EXX1", "EXAMPLE TRADER")])) == {}


@settings(deadline=None, max_examples=80)
@given(st.lists(st.text("ABC12", max_size=9), min_size=1, max_size=6))
def test_hashes_of_forms_are_those_of_the_forms(plains):
    hashes, valid = form_hashes(plains)
    for plain, row, counts in zip(plains, hashes, valid):
        forms = [plain, *shortened(plain)] if plain else []
        assert sorted(row[counts].tolist()) == sorted(int(form_hashes([form])[0][0, 0]) for form in forms)
