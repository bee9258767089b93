"""Slots: sets that hear each other keep out of each other's way, others collide, and so a hill over a dense sea hears less of it than of a thin one."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.geo import great_circle_m
from sim import noise
from sim.identity import Registry
from sim.motion import Plan, state_at
from sim.place import PLACE_DTYPE, apart_nm, locate
from sim.radio import CHANNELS, SLOTS, range_nm, strength
from sim.receiver import OUTAGE_DTYPE, Receiver, receiver_rows
from sim.reception import AGGREGATORS, CAPTURE, COLUMNS, HEARD_DTYPE, LINK_DTYPE, hear, link, listen, near_cells
from sim.satellite import SKY_DTYPE
from sim.scenario import T_START_MS
from sim.schedule import CLOCK_DTYPE, SENT_DTYPE, SILENT, schedule, start_clocks
from sim.ship import CLASS_A, CLASS_B, CLASS_B_SO, Ship, World, assemble
from sim.simulate import Air
from sim.slots import FREE, TRIES, claim_slots
from tests.naive_sim import message, read_lines

SEED = np.uint64(77)


def fleet(n: int, centre=(50.0, -179.8), spread_nm: float = 40.0, *, kinds=(CLASS_A,), seed: int = 1, speed_kn: float = 12.0) -> World:
    """n ships under way around a place."""
    rng, registry, ships = np.random.default_rng(seed), Registry(), []
    for i in range(n):
        lat = centre[0] + rng.uniform(-1, 1) * spread_nm / 60
        lon = centre[1] + rng.uniform(-1, 1) * spread_nm / 60 / math.cos(math.radians(centre[0]))
        kind = kinds[i % len(kinds)]
        who = registry.vessel(rng, "NZ", 70, float(rng.uniform(10, 300)), class_b=kind != CLASS_A)
        ships.append(Ship(who, kind, Plan(-60, lat, lon).run(float(rng.uniform(0, 360)), speed_kn, 7200.0)))
    return assemble(ships, T_START_MS)


def frame(world: World, *, claimed: bool = True, repeat: int = 1):
    """(transmissions, places) of the first minute; `repeat`: each meant so many times, to crowd the channel."""
    ships = world.ships
    clocks, places, room = np.zeros(len(ships), CLOCK_DTYPE), np.empty(len(ships), PLACE_DTYPE), np.empty(200_000, SENT_DTYPE)
    start_clocks(ships, world.knots, clocks, SEED, T_START_MS)
    locate(ships, world.knots, T_START_MS + 30_000, places)
    n, done = schedule(ships, world.knots, clocks, places, np.empty(0, np.int32), SEED, 0, T_START_MS + 60_000, room)
    assert done == len(ships)
    sent = np.repeat(room[:n], repeat)
    sent["t_ms"] += np.arange(len(sent)) % repeat  # another moment draws other candidates
    if claimed:
        claim_slots(sent, ships, world.knots, places, SEED, T_START_MS, T_START_MS, T_START_MS + 60_000)
    return sent, places


def hears(world: World, places, a: int, b: int) -> bool:
    """Does set a hear set b? Great circles instead of the kernel's plane."""
    away_nm = great_circle_m(*(float(places[i][k]) for i in (a, b) for k in ("lat_deg", "lon_deg"))) / 1852
    return away_nm < range_nm(float(world.ships[a]["antenna_m"]), float(world.ships[b]["antenna_m"]), float(world.ships[b]["range_share"]))


def naive_claim(world: World, sent, places) -> list[tuple[int, int]]:
    """(slot, channel) of each transmission by looking at all that came before it."""
    taken: dict[tuple[int, int], list[int]] = defaultdict(list)
    out = []
    for s in sent:
        who, spread, slots, channel = int(s["who"]), int(s["spread"]), int(s["slots"]), int(s["channel"])
        nominal = (int(s["t_ms"]) - T_START_MS) * SLOTS // 60_000
        best, best_nm = 0, -1.0
        for k in range(TRIES):
            aside = math.floor((2 * spread + 1) * noise.unit(SEED, noise.SLOT, who, int(s["t_ms"]) * 16 + k)) - spread
            slot, last = abs(nominal + aside), SLOTS - slots
            slot = 2 * last - slot if slot > last else slot  # as far on this side of the end
            users = [o for more in range(slots) for o in taken[channel, slot + more] if o != who]
            away = [apart_nm(places, who, o) for o in users]
            reach = [(float(places[who]["root_nm"]) + float(places[o]["root_nm"])) * float(world.ships[o]["range_share"]) for o in users]
            nearest = min([a for a, r in zip(away, reach) if a < r], default=FREE)
            if nearest > best_nm:
                best, best_nm = slot, nearest
            if nearest == FREE:
                break
        if best_nm < FREE and int(world.ships[who]["kind"]) == CLASS_B:
            channel = SILENT
        else:
            for more in range(slots):
                taken[channel, best + more].append(who)
        out.append((best, channel))
    return out


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.floats(-75, 75), st.sampled_from([-180.0, -179.9, 0.0, 60.0, 179.95]), st.sampled_from([1, 40]))
def test_choice_of_slots_agrees_with_its_slow_twin(seed, lat, lon, repeat):
    world = fleet(25, (lat, lon), 30.0, kinds=(CLASS_A, CLASS_A, CLASS_B, CLASS_B_SO), seed=seed)
    meant, places = frame(world, claimed=False, repeat=repeat)
    sent, _ = frame(world, repeat=repeat)
    assert list(zip(sent["slot"].tolist(), sent["channel"].tolist())) == naive_claim(world, meant, places)


def test_sets_that_hear_each_other_share_no_slot_until_the_channel_is_full():
    world = fleet(150, spread_nm=60.0)
    meant, places = frame(world, claimed=False)
    sent, _ = frame(world)
    assert len(sent) > 900
    users = defaultdict(list)
    for s, m in zip(sent, meant):
        assert abs(int(s["slot"]) - (int(m["t_ms"]) - T_START_MS) * 3 // 80) <= m["spread"] or not 675 < s["slot"] < SLOTS - 675
        assert (int(s["t_ms"]) - T_START_MS) * 3 // 80 == s["slot"]
        for more in range(s["slots"]):
            users[int(s["channel"]), int(s["slot"]) + more].append(int(s["who"]))
    shared = [pair for who in users.values() for i, a in enumerate(who) for b in who[i + 1 :] for pair in [(a, b)] if a != b]
    assert len(shared) > 20  # hidden from each other
    assert not any(hears(world, places, b, a) for a, b in shared)


def test_in_a_full_channel_carrier_sense_keeps_silent_and_class_a_talks_over_the_farthest():
    world = fleet(60, spread_nm=2.0, kinds=(CLASS_A, CLASS_B), speed_kn=20.0)
    sent, _ = frame(world, repeat=30)
    kind = world.ships["kind"][sent["who"]]
    silent = sent["channel"] == SILENT
    assert not silent[kind == CLASS_A].any()
    assert 0.2 < silent[kind == CLASS_B].mean() < 1.0


def test_a_receiver_hears_the_much_stronger_of_two_or_neither():
    """The tables of a minute against all pairs: `listen` keeps the two strongest in each slot."""
    world = fleet(200, spread_nm=50.0)
    sent, places = frame(world)
    hill, mast = (50.0, 179.9, 400.0), (50.3, -179.7, 20.0)
    receivers = receiver_rows([Receiver("x", lat, lon, antenna_m=high, heard_share_max=1.0) for lat, lon, high in (hill, mast)])
    links, start = np.empty(1000, LINK_DTYPE), np.empty(201, np.int32)
    near_start, near = near_cells(receivers)
    n = link(sent, world.ships, places, receivers, near_start, near, np.empty(0, SKY_DTYPE), SEED, T_START_MS, start, links)
    loud = np.empty((2, CHANNELS, SLOTS, 2), np.float32)
    listen(sent, links, start, receivers, loud)
    powers = defaultdict(list)
    for s in sent[sent["channel"] < 2]:  # ashore nobody listens to the channels of type 27
        for k in range(start[s["who"]], start[s["who"] + 1]):
            for more in range(s["slots"]):
                powers[int(links[k]["receiver"]), int(s["channel"]), int(s["slot"]) + more].append(float(links[k]["power"]))
    assert n > 200
    assert max(map(len, powers.values())) > 2
    for place, found in powers.items():
        assert loud[place].tolist() == sorted([*found, 0.0, 0.0])[:-3:-1]
    assert (loud > 0).sum() == sum(min(2, len(found)) for found in powers.values())
    assert pytest.approx(strength(3.0, 1.0) / strength(3.0 * 1.778, 1.0), rel=0.01) == CAPTURE
    heard = np.empty(len(sent) * 2, HEARD_DTYPE)
    relays, nobody = np.zeros((200, AGGREGATORS, COLUMNS), np.int64), np.empty((0, 0), np.int64)
    n, _ = hear(sent, 0, links, start, loud, receivers, np.empty(0, OUTAGE_DTYPE), nobody, T_START_MS, SEED, world.ships, relays, heard)
    found = {(int(h["sent"]), int(h["receiver"])) for h in heard[:n]}
    drowned = 0
    for i, s in enumerate(sent):
        for k in range(start[s["who"]], start[s["who"] + 1]):
            r, power = int(links[k]["receiver"]), float(links[k]["power"])
            others = [p for more in range(s["slots"]) for p in powers[r, int(s["channel"]), int(s["slot"]) + more]]
            clear = s["channel"] < 2 and sum(p > 0.0999999 * power for p in others) == s["slots"]  # itself only
            assert clear or (i, r) not in found
            assert not clear or (i, r) in found or links[k]["share"] < 0.999
            drowned += s["channel"] < 2 and not clear
    assert drowned > 50


def heard_shares(world: World, antenna_m: float, minutes: int = 4) -> float:
    """Share of class A reports of ships within 0.8 of a station's reach that it hears."""
    end_ms = T_START_MS + minutes * 60_000
    air = Air(world, [Receiver("x", 50.0, -179.8, antenna_m=antenna_m, heard_share_max=1.0)], 5, T_START_MS, end_ms, tag_time="ms")
    count = defaultdict(int)
    for one in read_lines(air.step(end_ms).splitlines()):
        m = message(one.bits)
        count[m["mmsi"]] += m["msg_type"] == 1
    heard = sent = 0
    for ship in world.ships:
        lat, lon, *_ = state_at(world.knots, int(ship["first"]), int(ship["last"]), T_START_MS + minutes * 30_000)
        if great_circle_m(50.0, -179.8, lat, lon) / 1852 < 0.8 * range_nm(antenna_m, float(ship["antenna_m"]), 1.0):
            sent, heard = sent + 6 * minutes, heard + count[int(ship["mmsi"])]
    assert sent > 100
    return heard / sent


def test_a_hill_over_a_dense_sea_hears_visibly_less_of_it_than_of_a_thin_one():
    thin, dense, denser = (heard_shares(fleet(n, spread_nm=70.0), 500.0) for n in (30, 350, 700))
    assert thin > 0.95
    assert dense < thin - 0.10
    assert denser < dense - 0.10
    assert heard_shares(fleet(350, spread_nm=70.0), 10.0) > dense + 0.05  # a low mast hears few, and those hear each other
