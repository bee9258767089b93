"""State of the build before is brought to the form of this one: nothing is lost, nothing is told twice, and what cannot be read is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.lib.recfunctions import repack_fields
from test_live_crash import begun, crash, journal_of, pieces, rules, settings  # noqa: F401 - fixtures among them

from dogwatch import blob
from dogwatch.batch import LAT_MISSING
from dogwatch.events import Event, ZoneRelation, event_from_json, to_json
from dogwatch.geo import M_PER_UNIT, cos_lat
from runners import step
from runners.coverage_map import load_coverage
from runners.engine import Engine
from runners.intake import lanes_of
from runners.live import _Journal
from runners.migrations import MIGRATIONS, migrated, reaches
from runners.step import restore, snapshot
from tracks.assist import ARRIVAL
from tracks.dark_partner import STOP
from tracks.episodes import next_version
from tracks.key import key_of, make_pair, read_pair
from tracks.pairs import EXPLAINED, OPEN, PAIR, SUPPRESSED, WAITING
from tracks.slow_runs import PACE, RUN
from tracks.zone_stays import STAY, Stay, Stays
from tracks.zone_steps import Limit


def of_15(sections: dict[str, Any]) -> None:
    """Sections as schema 15 had them."""
    for name, section in sections.items():
        if isinstance(section, dict):
            if name == "reorder":
                del section["told_ms"]
            of_15(section)


def of_16(sections: dict[str, Any]) -> None:
    """Sections as schema 16 had them: wider records of tracks."""
    for name, section in sections.items():
        if name == "table" and isinstance(section, dict):
            trail = section["trail"]
            filled = trail["lat"] != LAT_MISSING
            section["trail"] = with_fields(trail, cog=filled * np.uint16(1), nav=filled * np.uint8(1), filled=filled * np.uint8(1))
            runs, cold = section["cold"]["loitering"], section["cold"]
            narrow = np.array([cos_lat(lat) for lat in runs["lat"].tolist()])
            boxes = {f"{end}_{axis}_m": runs[f"{end}_{axis}"] * M_PER_UNIT * (narrow if axis == "x" else 1.0) for end in ("min", "max") for axis in ("x", "y")}
            cold["loitering"] = with_fields(runs, start_ms=runs["first_ms"], **boxes)
            for other in ("infra", "legs", "port_visit", "sudden_stop", "drift", "aground", "dark_partner"):
                cold[other] = with_fields(cold[other], spare=np.zeros((len(runs), 3), np.uint8))
            cold["zone"] = with_fields(cold["zone"], ahead_nm=np.ones(len(runs), np.float32))
        elif isinstance(section, dict):
            of_16(section)


def with_fields(rows: np.ndarray, **more: np.ndarray) -> np.ndarray:
    """Records with further fields behind those that they have."""
    dtype = [(name, rows.dtype[name]) for name in rows.dtype.names] + [(name, array.dtype, array.shape[rows.ndim :]) for name, array in more.items()]
    wide = np.zeros(rows.shape, dtype)
    for name in rows.dtype.names:
        wide[name] = rows[name]
    for name, array in more.items():
        wide[name] = array
    return wide


def of_17(sections: dict[str, Any]) -> None:
    """Sections as schema 17 had them."""
    for name, section in sections.items():
        if isinstance(section, dict):
            if name == "assist":
                section["arrived"] = repack_fields(section["arrived"][list(ARRIVED_17)])
                for *_, notes in section["book"]:
                    notes["came"] = [row[: len(ARRIVED_17)] for row in notes["came"]]
            of_17(section)


def of_18(sections: dict[str, Any]) -> None:
    """Sections as schema 18 had them: four hulls of a number at most."""
    for name, section in sections.items():
        if isinstance(section, dict):
            if name == "identity":
                section["turns"] = [row[:-4] for row in section["turns"]]
            of_18(section)


def of_19(sections: dict[str, Any]) -> None:
    """Sections as schema 19 had them: nobody looked for smooth tracks."""
    for name, section in sections.items():
        if isinstance(section, dict):
            if name == "detectors":
                del section["smooth"]
            of_19(section)


def of_20(sections: dict[str, Any]) -> None:
    """Sections as schema 20 had them: each track had room for what few need at a time."""
    for name, section in sections.items():
        if name == "table" and isinstance(section, dict):
            for kind, records in section.pop("pools").items():
                rows = section["cold"][kind]
                of_all = np.concatenate([np.zeros(1, records.dtype), records])[rows["at"]]
                prefix = {"fix_ms": "back_fix_ms", "lat": "back_lat", "lon": "back_lon"} if kind == "dark" else {}
                plain = with_fields(rows, **{prefix.get(field, field): of_all[field] for field in records.dtype.names})
                section["cold"][kind] = repack_fields(plain[[field for field in plain.dtype.names if field != "at"]])
            section["cold"]["infra"] = with_fields(section["cold"]["infra"], last_ms=np.ones(len(section["rows"]), np.int64))
        elif isinstance(section, dict):
            of_20(section)


def of_21(sections: dict[str, Any]) -> None:
    """Sections as schema 21 had them: of pairs it was not asked who else is there before they have met."""
    for name, section in sections.items():
        if name == "rendezvous" and isinstance(section, dict):
            for kind in ("still", "abreast"):
                pairs = section[kind]["pairs"]
                plain = with_fields(
                    repack_fields(pairs[[one for one in pairs.dtype.names if one not in ("looked", "alike", "spare")]]),
                    spare=np.zeros((len(pairs), 7), np.uint8),
                )
                section[kind]["pairs"] = plain
        elif isinstance(section, dict):
            of_21(section)


def of_22(sections: dict[str, Any]) -> None:
    """Sections as schema 22 had them: each track had room for a visit to a port, and for the step in which a zone was left."""
    for name, section in sections.items():
        if name == "table" and isinstance(section, dict):
            for kind, prefix in (("port_visit", ""), ("zone", "out_")):
                rows, records = section["cold"][kind], section["pools"].pop(kind)
                of_all = np.concatenate([np.zeros(1, records.dtype), records])[rows["at"]]
                plain = with_fields(rows, **{f"{prefix}{field}": of_all[field] for field in records.dtype.names})
                section["cold"][kind] = repack_fields(plain[[field for field in plain.dtype.names if field != "at"]])
        elif isinstance(section, dict):
            of_22(section)


def of_23(sections: dict[str, Any]) -> None:
    """Sections as schema 23 had them: a stop did not remember what the crew had said."""
    for name, section in sections.items():
        if name == "pools" and isinstance(section, dict):
            stops = section["dark_partner"]
            section["dark_partner"] = repack_fields(stops[[one for one in stops.dtype.names if one != "nuc"]])
        elif isinstance(section, dict):
            of_23(section)


def of_24(sections: dict[str, Any]) -> None:
    """Sections as schema 24 had them: the key of two tracks was one of them above the other."""
    for name, section in sections.items():
        if name == "rendezvous" and isinstance(section, dict):
            for kind in (section["still"], section["abreast"]):
                pairs = kind["pairs"].copy()
                pairs["key"] = [pair_of_24(key) for key in pairs["key"].tolist()]
                kind["pairs"] = pairs[np.argsort(pairs["key"])]
                kind["book"] = sorted([pair_of_24(key), *page] for key, *page in kind["book"])
        elif name == "collision" and isinstance(section, dict):
            for part in ("pairs", "book"):
                section[part] = sorted([pair_of_24(key), *told] for key, *told in section[part])
        elif isinstance(section, dict):
            of_24(section)


def pair_of_24(key: int) -> int:
    """The key of two tracks as schema 24 made it."""
    smaller, larger = read_pair(key)
    return smaller << 32 | larger


def of_25(sections: dict[str, Any]) -> None:
    """Sections as schema 25 had them: of a stay in a zone its event was kept."""
    for name, section in sections.items():
        if isinstance(section, dict):
            if name == "zone" and "stays" in section:
                stays = Stays.from_sections(section.pop("stays"))
                section["book"] = [[stay.mark, 0, to_json(event_of_25(stays, stay)), {"last_known": stay.silent}] for stay in stays]
            of_25(section)


def event_of_25(stays: Stays, stay: Stay) -> Event:
    """The newest version of a stay's event."""
    relation = ZoneRelation(BAY.id, BAY.version, BAY.kind, "inside_last_known" if stay.silent else "inside" if stay.version > 1 else "crossed", 0.0)
    return stays.version(stay, BAY, "open", None, 60_000, relation).whole()


def of_26(sections: dict[str, Any]) -> None:
    """Sections as schema 26 had them: two whose place explains them were asked about each half hour."""
    for name, section in sections.items():
        if name == "rendezvous" and isinstance(section, dict):
            for kind in ("still", "abreast"):
                pairs = section[kind]["pairs"]
                pairs["stage"][pairs["stage"] == EXPLAINED] = SUPPRESSED
        elif isinstance(section, dict):
            of_26(section)


def of_27(sections: dict[str, Any]) -> None:
    """Sections as schema 27 had them: nothing was kept of whether two lie in what explains them."""
    for name, section in sections.items():
        if name == "rendezvous" and isinstance(section, dict):
            for kind in ("still", "abreast"):
                section[kind]["pairs"] = pair_of_27(section[kind]["pairs"])
        elif isinstance(section, dict):
            of_27(section)


def pair_of_27(pairs: np.ndarray) -> np.ndarray:
    """PAIR rows of schema 27."""
    names = [("spare", "u1", (5,)) if name == "harboured" else (name, pairs.dtype[name]) for name in pairs.dtype.names if name != "padding"]
    old = np.zeros(len(pairs), np.dtype(names))
    for name in old.dtype.names:
        if name != "spare":
            old[name] = pairs[name]
    return old


BAY = Limit("bay", "1", "watch", 0.016, 0.02, "", "zone:bay", ZoneRelation("bay", "1", "watch", "crossed", 0.0))
ARRIVED_17 = ("key", "turn_ms", "slow_ms", "lat", "lon", "turn_cos", "before_kn")
BEFORE: dict[int, Callable[[dict[str, Any]], None]] = {
    15: of_15,
    16: of_16,
    17: of_17,
    18: of_18,
    19: of_19,
    20: of_20,
    21: of_21,
    22: of_22,
    23: of_23,
    24: of_24,
    25: of_25,
    26: of_26,
    27: of_27,
}


def written_by(schema: int, data: bytes) -> bytes:
    """A snapshot of ours as the build with that schema would have written it."""
    sections = restore(data)
    for number in range(step.STATE_SCHEMA - 1, schema - 1, -1):
        BEFORE[number](sections)
    return blob.pack(sections, schema=schema)


def half_way(folder: Path, rules, pieces) -> Engine:  # noqa: F811
    """A run that took half of the pieces and was killed after the snapshot and a few pieces more; the twin that was told the same."""
    engine, journal = begun(folder, rules)
    twin = Engine(rules, lanes_of(settings(folder)))
    for number, piece in enumerate(pieces[: len(pieces) // 2]):
        if number == len(pieces) // 2 - 5:
            journal.save()
        for new in journal.take([piece]):
            journal.append(engine.take(new))
        TOLD.append(twin.take(piece))
    crash(journal, random.Random(1))
    return twin


TOLD: list[Any] = []


def test_every_migration_has_a_fixture_and_leads_to_the_newest_schema():
    assert set(BEFORE) == set(MIGRATIONS) != set()
    assert all(reaches(schema, step.STATE_SCHEMA) for schema in MIGRATIONS)
    assert not reaches(min(MIGRATIONS) - 1, step.STATE_SCHEMA)
    assert not reaches(step.STATE_SCHEMA + 1, step.STATE_SCHEMA)


@pytest.mark.parametrize("schema", sorted(BEFORE))
def test_a_run_goes_on_from_the_state_and_the_input_log_of_a_former_build(schema, pieces, rules, tmp_path):  # noqa: F811
    TOLD.clear()
    twin = half_way(tmp_path, rules, pieces)
    state = tmp_path / "state" / "live.state"
    old = written_by(schema, state.read_bytes())
    assert blob.schema_of(old) == schema
    state.write_bytes(old)
    assert load_coverage(state).to_sections()["groups"] == load_coverage(tmp_path).to_sections()["groups"]

    config = settings(tmp_path)
    engine = Engine(rules, lanes_of(config))
    journal = _Journal(config, engine)
    TOLD.append(twin.resume())
    for piece in pieces[len(pieces) // 2 :]:
        for new in journal.take([piece]):
            journal.append(engine.take(new))
        TOLD.append(twin.take(piece))
    journal.save()
    expected = [b"".join(to_json(event) + b"\n" for output in TOLD for event in output.all_events())]
    expected += [b"".join(to_json(alert) + b"\n" for output in TOLD for alert in output.all_alerts())]
    assert journal_of(tmp_path) == expected
    assert expected[0].count(b"\n") > 5, "there must be something to lose"
    assert blob.schema_of(state.read_bytes()) == step.STATE_SCHEMA
    assert snapshot({"engine": engine.to_sections()}) == snapshot({"engine": twin.to_sections()}), "and the state is that of a run without an upgrade"


def test_who_came_to_help_before_the_upgrade_still_counts():
    arrived = np.array([(7, 1, 2, 3, 4, 0.5, 12.0, 8, 9, 10)], ARRIVAL)
    sections = {"track": {"detectors": {"assist": {"arrived": arrived, "book": [[7, 2, b"", {"came": arrived.tolist()}]]}}}}
    of_17(sections)
    told = migrated(sections, 17, 18)["track"]["detectors"]["assist"]
    assert told["arrived"].dtype == ARRIVAL
    assert told["arrived"].tolist() == [(7, 1, 2, 3, 4, 0.5, 12.0, 3, 4, 0)]
    assert told["book"][0][3]["came"] == [[7, 1, 2, 3, 4, 0.5, 12.0, 3, 4, 0]]


def test_hulls_that_took_turns_before_the_upgrade_are_still_counted():
    sections = {"detectors": {"identity": {"turns": [[7, 0, 3, 1, 2, 5, 4, 0, 0, 0, 0, 0, 0]]}}}
    of_18(sections)
    assert len(sections["detectors"]["identity"]["turns"][0]) == 9
    assert migrated(sections, 18, 19)["detectors"]["identity"]["turns"] == [[7, 0, 3, 1, 2, 5, 4, 0, 0, 0, 0, 0, 0]]


def test_what_few_need_goes_to_a_pool_and_a_record_of_the_others_is_as_it_was():
    runs = np.zeros(4, [(name, one[name]) for one in (PACE, RUN) for name in one.names if name != "at"])
    runs["state"], runs["slow"], runs["median_ms"] = [0, 1, 0, 2], [9, 5, 9, 7], [1, 2, 3, 4]
    table = migrated({"table": {"cold": {"loitering": runs}}}, 20, 21)["table"]
    assert table["cold"]["loitering"]["at"].tolist() == [0, 1, 0, 2]
    assert table["cold"]["loitering"]["median_ms"].tolist() == [1, 2, 3, 4]
    assert table["pools"]["loitering"].dtype == RUN
    assert table["pools"]["loitering"]["slow"].tolist() == [5, 7]


def test_two_in_contact_before_the_upgrade_still_are():
    pairs = np.zeros(2, PAIR)
    pairs["key"], pairs["stage"], pairs["looked"], pairs["alike"], pairs["distances"] = [7, 9], [0, 1], 1, 5, 3
    sections = {"detectors": {"rendezvous": {"still": {"pairs": pairs, "book": []}, "abreast": {"pairs": pairs[:0], "book": []}}}}
    of_21(sections)
    assert "looked" not in sections["detectors"]["rendezvous"]["still"]["pairs"].dtype.names
    told = migrated(sections, 21, 22)["detectors"]["rendezvous"]["still"]["pairs"]
    assert told.dtype == PAIR
    pairs["looked"] = pairs["alike"] = 0
    assert told.tobytes() == pairs.tobytes()


def test_a_stop_before_the_upgrade_goes_on():
    stops = np.zeros(2, STOP)
    stops["stop_ms"], stops["partner"], stops["nuc"] = [5, 6], [0, 1], 1
    sections = {"table": {"pools": {"dark_partner": stops}}}
    of_23(sections)
    assert "nuc" not in sections["table"]["pools"]["dark_partner"].dtype.names
    told = migrated(sections, 23, 24)["table"]["pools"]["dark_partner"]
    stops["nuc"] = 0
    assert (told.dtype, told.tobytes()) == (STOP, stops.tobytes())


def test_two_keep_what_is_known_of_them_when_their_key_is_another():
    tracks = [
        (key_of(211_000_001, 3), key_of(725_000_002, 0)),
        (key_of(710_000_001, 1), key_of(760_000_002, 2)),
        (key_of(730_000_001, 0), key_of(730_000_002, 0)),
    ]
    keys = [a << 32 | b for a, b in tracks]
    pairs = np.zeros(3, PAIR)
    pairs["key"], pairs["contacts"] = keys, [1, 2, 3]
    told = [[key, n] for n, key in enumerate(keys, 1)]
    kinds = {"still": {"pairs": pairs, "book": told}, "abreast": {"pairs": pairs[:0], "book": []}}
    new = migrated({"detectors": {"rendezvous": kinds, "collision": {"pairs": told, "book": told[:2]}}}, 24, 25)["detectors"]
    wanted = {make_pair(*two): n for n, two in enumerate(tracks, 1)}
    still = new["rendezvous"]["still"]
    assert still["pairs"]["key"].tolist() == sorted(wanted) != list(wanted), "in order, which is another"
    assert dict(zip(*(still["pairs"][name].tolist() for name in ("key", "contacts")), strict=True)) == wanted
    assert [row[0] for row in still["book"]] == [row[0] for row in new["collision"]["pairs"]] == sorted(wanted)
    assert dict(still["book"]) == dict(new["collision"]["pairs"]) == wanted
    assert dict(new["collision"]["book"]) == {key: n for key, n in wanted.items() if n < 3}


@pytest.mark.parametrize(
    ("more", "texts"),
    [
        (
            {"nav": 11, "class_b": 1, "silent": True, "version": 2, "last_lat_deg": 1.5, "last_lon_deg": 2.5, "from_entry_m": 4.0},
            (b"ALPHA", b"LA1", b"NOOSL"),
        ),
        ({"ship_type": 52, "loa_m": 30, "imo": 9_074_729, "near": True, "point_nm": 3.25}, (b"", b"", b"")),
    ],
)
def test_a_stay_in_a_zone_before_the_upgrade_ends_as_it_would_have(more, texts):
    stays, begun = Stays(), np.zeros(1, STAY)
    begun["mark"], begun["t_ms"], begun["confidence"], begun["step_s"], begun["limit_s"] = 257_000_001 << 24 | 5, 1000, 0.8, 60.0, 600.0
    begun["point_nm"] = begun["last_lat_deg"] = begun["last_lon_deg"] = begun["from_entry_m"] = np.nan
    begun["lat_deg"], begun["lon_deg"], begun["beyond_nm"], begun["speed_kn"], begun["version"] = 58.5, 10.25, 0.12, 12.34, 1
    begun["name"], begun["callsign"], begun["destination"] = texts
    for name, value in more.items():
        begun[name] = value
    stays.open(begun[0], "00ab" * 8, "hash", more.get("point_nm", np.nan))
    sections = {"detectors": {"zone": {"stays": stays.to_sections()}}}
    of_25(sections)
    (mark, _, text, notes), relation = sections["detectors"]["zone"]["book"][0], BAY.crossed
    before = event_from_json(text)
    told = Stays.from_sections(migrated(sections, 25, 26)["detectors"]["zone"]["stays"])
    stay = told.close(mark)
    after = told.version(stay._replace(version=stay.version + 1), BAY, "closed", 91_000, 120_000, relation)
    ended = {"state": "closed", "t_end": 91_000, "zones": [relation], "measures": {**before.measures, "stay_s": 90.0}}
    assert to_json(after) == to_json(next_version(before, 120_000, **ended))
    assert (stay.silent, len(told)) == (notes["last_known"], 0)


def test_two_whose_place_explained_them_before_the_upgrade_are_asked_about_no_more():
    reasons = {7: "suppressed: unmapped_harbour", 8: "suppressed: role", 9: "", 10: "suppressed: unmapped_harbour"}
    pairs = np.zeros(4, PAIR)
    pairs["key"], pairs["stage"] = list(reasons), [EXPLAINED, SUPPRESSED, OPEN, WAITING]
    event = Event("e", 1, "candidate", "rendezvous", "ais_pair", [], [], 1, None, 2, 0.0, 0.0, [], {}, [], [], 0.5, "rendezvous", "1.2", "")
    ends = {10: 5}
    book = [[key, 1, to_json(replace(event, reason=reason, t_end=ends.get(key))), {}] for key, reason in reasons.items()]
    sections = {"detectors": {"rendezvous": {"still": {"pairs": pairs, "book": book}, "abreast": {"pairs": pairs[:0].copy(), "book": []}}}}
    of_26(sections)
    assert pairs["stage"].tolist() == [SUPPRESSED, SUPPRESSED, OPEN, WAITING]
    told = migrated(sections, 26, 27)["detectors"]["rendezvous"]["still"]["pairs"]
    assert (told.dtype, told["stage"].tolist()) == (PAIR, [EXPLAINED, SUPPRESSED, OPEN, WAITING])


def test_who_lay_in_a_harbour_before_the_upgrade_begin_anew_elsewhere():
    pairs = np.zeros(3, PAIR)
    pairs["key"], pairs["stage"] = [7, 8, 9], [EXPLAINED, EXPLAINED, OPEN]
    event = Event("e", 1, "candidate", "rendezvous", "ais_pair", [], [], 1, None, 2, 0.0, 0.0, [], {}, [], [], 0.5, "rendezvous", "1.2", "")
    reasons = {7: "suppressed: unmapped_harbour", 8: "suppressed: weather_stop", 9: ""}
    book = [[key, 1, to_json(replace(event, reason=reason)), {}] for key, reason in reasons.items()]
    sections = {"detectors": {"rendezvous": {"still": {"pairs": pairs, "book": book}, "abreast": {"pairs": pairs[:1].copy(), "book": book[:1]}}}}
    of_27(sections)
    told = migrated(sections, 27, 28)["detectors"]["rendezvous"]
    assert (told["still"]["pairs"].dtype, told["still"]["pairs"]["harboured"].tolist()) == (PAIR, [1, 0, 0])
    assert (told["abreast"]["pairs"].dtype, told["abreast"]["pairs"]["harboured"].tolist()) == (PAIR, [0]), "who goes abreast lies nowhere"


def test_a_migration_leaves_alone_what_it_does_not_know():
    plain = {"said": 1, "lanes": {"hill": {"t": 5}}}
    assert migrated(dict(plain), min(MIGRATIONS), step.STATE_SCHEMA) == plain
