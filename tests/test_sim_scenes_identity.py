"""Scenes of identity: what the bytes say of who is who agrees with the truth, and an honest change is one."""

from __future__ import annotations

import itertools

import pytest

from dogwatch.geo import NM_M, great_circle_m
from dogwatch.times import from_iso
from sim.identity import imo_number
from tests.scene_harness import apart_m, assert_afloat, behaviour, fixes, heard, scene_truth, scenes, true_state

SEEDS = (1, 2)
KINDS = ("cloned_mmsi", "clone_nearby", "identity_change", "mmsi_handover", "bad_mmsi", "imo_conflict", "class_conflict")
INNOCENT = ("typo_corrected", "half_statics", "mmsi_reused")
TABLES = "".join(behaviour(kind) for kind in (*KINDS, *INNOCENT))
NOISE_M = 45.0


def scene_of(kind: str, seed: int, tables: str = TABLES):
    (scene,) = (s for s in scenes(tables, seed) if s.kind == kind)
    return scene, scene.facts[0]


def second(told: str) -> float:
    """Of the world, of a time in a truth file."""
    return from_iso(told) / 1000 - 1_767_225_600


def statics(mmsi: int, seed: int, tables: str = TABLES) -> list[tuple[float, dict]]:
    """[(second of the world, fields)] of types 5 and 24."""
    rows = [(stamp / 1000 - 1_767_225_600, m) for stamp, m in heard(tables, seed, mmsi) if m["msg_type"] in (5, 24)]
    assert rows
    return rows


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("kind", "least_nm", "most_nm"), [("cloned_mmsi", 15, 45), ("clone_nearby", 1, 5)])
def test_two_hulls_are_on_the_air_under_one_number(kind, least_nm, most_nm, seed):
    scene, fact = scene_of(kind, seed)
    first, second = scene.ships
    assert first.identity.mmsi == second.identity.mmsi
    assert least_nm <= fact.measures["distance_nm"] <= most_nm
    between = [great_circle_m(*true_state(first.plan, t)[:2], *true_state(second.plan, t)[:2]) for t in range(0, 10_800, 60)]
    assert min(abs(m / NM_M - fact.measures["distance_nm"]) for m in between) < 0.1
    of = [0, 0]
    for t, m in fixes(TABLES, seed, first.identity.mmsi):
        off = [apart_m(ship.plan, t, m) for ship in scene.ships]
        assert min(off) < NOISE_M, "a report of neither hull"
        of[off.index(min(off))] += 1
    assert min(of) > 100
    names = {m["name"] for _, m in statics(first.identity.mmsi, seed)}
    assert len(names) == (1 if kind == "cloned_mmsi" else 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_changed_identity_is_one_hull_that_says_something_else(seed):
    scene, fact = scene_of("identity_change", seed)
    before, after = scene.ships
    assert before.identity.mmsi == after.identity.mmsi
    rows = statics(before.identity.mmsi, seed)
    assert {m["name"].strip("@ ") for t, m in rows if t < fact.start_s} == {before.identity.name}
    late = [m for t, m in rows if t > fact.start_s + 2]
    assert {m["name"].strip("@ ") for m in late} == {after.identity.name} != {before.identity.name}
    assert {m["callsign"].strip("@ ") for m in late} == {after.identity.callsign}
    assert abs((late[0]["bow"] + late[0]["stern"]) / before.identity.loa_m - 1) > 0.2
    assert max(t for t, _ in rows if t < fact.start_s) > fact.start_s - 720
    assert min(t for t, m in rows if t > fact.start_s + 2) <= fact.end_s + 365  # one may be lost on the way
    reports = fixes(TABLES, seed, before.identity.mmsi)
    assert max(apart_m(after.plan, t, m) for t, m in reports) < NOISE_M
    assert not [t for t, _ in reports if fact.start_s + 1 < t < fact.start_s + fact.measures["silent_s"] - 1]


@pytest.mark.parametrize("silent_s", [60.0, 1500.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_change_is_true_from_the_silence_or_the_old_particulars_to_the_new_ones(seed, silent_s):
    tables = behaviour("identity_change", f"silent_s = {silent_s}")
    (row,) = (row for row in scene_truth(tables, seed) if row["subtype"] == "static_change")
    scene, fact = scene_of("identity_change", seed, tables)
    rows = statics(fact.ships[0].identity.mmsi, seed, tables)
    old = [t for t, m in rows if m["name"].strip("@ ") == scene.ships[0].identity.name]
    new = [t for t, m in rows if m["name"].strip("@ ") == scene.ships[1].identity.name]
    from_s, to_s = (second(row[name]) for name in ("t_start", "t_end"))
    assert from_s == pytest.approx(fact.start_s if silent_s > 360 else max(old), abs=3)
    assert to_s == pytest.approx(min(new), abs=3)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_handed_over_number_goes_on_where_the_other_stopped(seed):
    scene, fact = scene_of("mmsi_handover", seed)
    old, new = scene.ships
    assert old.identity.mmsi != new.identity.mmsi
    assert (old.identity.loa_m, old.identity.beam_m) == (new.identity.loa_m, new.identity.beam_m)
    assert 120 <= fact.end_s - fact.start_s <= 5400
    first, second = fixes(TABLES, seed, old.identity.mmsi), fixes(TABLES, seed, new.identity.mmsi)
    assert fact.start_s - 30 < first[-1][0] <= fact.start_s
    assert fact.end_s - 1 <= second[0][0] < fact.end_s + 30
    assert all(apart_m(old.plan, t, m) < NOISE_M for t, m in first + second)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", ["country", "placeholder"])
def test_a_bad_number_is_bad(fault, seed):
    tables = behaviour("bad_mmsi", f'fault = "{fault}"')
    scene, _ = scene_of("bad_mmsi", seed, tables)
    mmsi = scene.ships[0].identity.mmsi
    assert (mmsi // 1_000_000 in {*range(290, 300), *range(390, 400), *range(690, 700), *range(780, 800)}) == (fault == "country")
    assert len(fixes(tables, seed, mmsi)) > 200


@pytest.mark.parametrize("seed", SEEDS)
def test_imo_numbers_are_wrong_or_shared(seed):
    tables = behaviour("imo_conflict", 'fault = "check_digit"')
    scene, _ = scene_of("imo_conflict", seed, tables)
    (number,) = {m["imo"] for _, m in statics(scene.ships[0].identity.mmsi, seed, tables)}
    assert imo_number(number // 10) != number
    tables = behaviour("imo_conflict", 'fault = "shared"')
    scene, _ = scene_of("imo_conflict", seed, tables)
    a, b = (ship.identity.mmsi for ship in scene.ships)
    assert a != b
    (number,) = {m["imo"] for mmsi in (a, b) for _, m in statics(mmsi, seed, tables)}
    assert imo_number(number // 10) == number


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("fault", "other_type"), [("class_b", 18), ("base", 4)])
def test_one_number_with_two_kinds_of_set_is_one_hull(fault, other_type, seed):
    tables = behaviour("class_conflict", f'fault = "{fault}"')
    scene, _ = scene_of("class_conflict", seed, tables)
    mmsi, plan = scene.ships[0].identity.mmsi, scene.ships[0].plan
    assert {1, 5, other_type} <= {m["msg_type"] for _, m in heard(tables, seed, mmsi)}
    if fault == "class_b":
        assert max(apart_m(plan, t, m) for t, m in fixes(tables, seed, mmsi)) < NOISE_M
    (row,) = scene_truth(tables, seed)
    assert row["mmsi"] == [mmsi]
    assert [s["key"] for s in row["subjects"]] == [f"{mmsi}#0"]


@pytest.mark.parametrize("seed", SEEDS)
def test_honest_changes_are_small_or_slow(seed):
    scene, fact = scene_of("typo_corrected", seed)
    rows = statics(scene.ships[0].identity.mmsi, seed)
    (wrong,), (right,) = ({m["name"] for t, m in rows if (t < fact.start_s) == early} for early in (True, False))
    assert sum(a != b for a, b in zip(wrong, right)) == 1
    assert {m["nav"] for _, m in fixes(TABLES, seed, scene.ships[0].identity.mmsi)} == {5}
    scene, fact = scene_of("half_statics", seed)
    rows = statics(scene.ships[0].identity.mmsi, seed)
    halves = {(t > fact.start_s, m.get("ship_type"), m.get("callsign", "").strip("@ ")) for t, m in rows if m["part"] == 1}
    assert halves == {(False, 0, ""), (True, 37, scene.ships[1].identity.callsign)}
    scene, fact = scene_of("mmsi_reused", seed)
    times = [t for t, _ in fixes(TABLES, seed, scene.ships[0].identity.mmsi)]
    longest, begins = max((b - a, b) for a, b in itertools.pairwise(times))
    assert longest > 4800
    assert abs(begins - fact.start_s) < 200
    assert all(f.innocent for kind in INNOCENT for f in scene_of(kind, seed)[0].facts)


@pytest.mark.parametrize("seed", SEEDS)
def test_truth_knows_hulls_and_numbers(seed):
    rows = scene_truth(TABLES, seed)
    clones = [r for r in rows if r["subtype"] == "dup_mmsi"]
    assert len(clones) == 3
    for row in clones:
        (mmsi,) = row["mmsi"]
        assert [s["key"] for s in row["subjects"]] == [f"{mmsi}#0", f"{mmsi}#1"]
    found = {(r["behaviour"], r["type"], r["subtype"], r["state"]) for r in rows if r["type"] != "dark"}
    scripted = [("dup_mmsi", "cloned_mmsi"), ("dup_mmsi", "clone_nearby"), ("static_change", "identity_change"), *((k, k) for k in KINDS[3:])]
    honest = [("static_change", "typo_corrected"), ("static_change", "half_statics"), ("dup_mmsi", "mmsi_reused")]
    assert found == {(b, "identity", s, "closed") for s, b in scripted} | {(b, "identity", s, "retracted") for s, b in honest}
    assert not any(r["scored"] for r in rows if r["type"] == "dark")


@pytest.mark.parametrize("seed", range(4))
def test_nobody_of_a_scene_is_on_land(seed):
    assert_afloat(scenes(TABLES, seed))


def test_another_behaviour_leaves_the_others_as_they_were():
    for kind in (*KINDS, *INNOCENT):
        alone, (together, _) = scenes(behaviour(kind), 5)[0], scene_of(kind, 5)
        assert [ship.plan.knots for ship in alone.ships] == [ship.plan.knots for ship in together.ships]
        assert [(f.start_s, f.end_s) for f in alone.facts] == [(f.start_s, f.end_s) for f in together.facts]
