"""The ground floor: configuration faults are located, state blobs are checked, ids and JSON are stable."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dogwatch import blob, geo
from dogwatch.batch import COG_MISSING, FIX_DTYPE, LAT_MISSING, canonical_order, cog_deg, has_position, join_rows, lat_deg, new_fixes, take_rows
from dogwatch.config import Config, parse
from dogwatch.errors import ConfigError, InputError
from dogwatch.events import Event, Subject, event_from_json, event_id, to_json
from dogwatch.times import clock_text, duration_text, from_iso, iso

FAULTS = [
    ("a = 1\n", 1, "a", "known keys"),
    ("\nprofle = 'x'\n", 2, "profle", "did you mean 'profile'"),
    ("[[sources]]\nid='x'\nkind='tcp'\n\n[[sources]]\nid='y'\nkind='tcp'\nprot=3\n", 8, "sources[1].prot", "did you mean 'port'"),
    ("[[sources]]\nid='x'\nkind='tpc'\n", 3, "sources[0].kind", "Invalid enum value 'tpc'"),
    ("[console]\nport='high'\n", 2, "console.port", "Expected `int`"),
    ("[[sources]]\nid='x'\nkind=\n", 3, "", "not valid TOML"),
    ("snapshot_s = nan\n", 1, "snapshot_s", "Expected `float`"),
    ("[[sources]]\nid='x'\nkind='tcp'\nlateness_s=inf\n", 4, "sources[0].lateness_s", "Expected `float`"),
    ("[console]\nport=99999\n", 2, "console.port", "<= 65535"),
    ("[kafka]\nbatch_row = 3\n", 2, "kafka.batch_row", "batch_rows"),
]


@pytest.mark.parametrize(("text", "line", "key", "says"), FAULTS)
def test_a_configuration_fault_names_file_line_key_and_remedy(text, line, key, says):
    with pytest.raises(ConfigError) as fault:
        parse(text, Config, file="x.toml")
    assert fault.value.line == line
    assert fault.value.key == key
    assert str(fault.value).startswith(f"x.toml:{line}:")
    assert says in str(fault.value)
    assert fault.value.exit_code == 2


def test_a_good_configuration_is_typed():
    config = parse("[[sources]]\nid='x'\nkind='tcp'\nport=1\n[console]\nport=0\n", Config, file="x.toml")
    assert config.sources[0].port == 1
    assert config.kafka is None
    assert config.console.port == 0


def test_state_survives_packing_and_damage_is_seen():
    rows = new_fixes(3)
    rows["mmsi"] = [1, 2, 3]
    data = blob.pack({"rows": rows, "n": 3, "inner": {"x": np.arange(4), "b": b"12"}}, schema=7)
    back = blob.unpack(data, schema=7)
    assert back["rows"].dtype == FIX_DTYPE
    assert (back["rows"] == rows).all()
    assert back["inner"]["b"] == b"12"
    assert blob.pack(back, schema=7) == data
    for broken in (data[:-1] + bytes([data[-1] ^ 1]), data[:20], b"", b"xxxx" + data):
        with pytest.raises(InputError):
            blob.unpack(broken, schema=7)
    with pytest.raises(InputError, match="schema 7"):
        blob.unpack(data, schema=8)


def make_event(**changes):
    fields = {
        "event_id": event_id("loitering", ["257000001#0"], 1_700_000_123_456, "loitering", "1.0"),
        "version": 1, "state": "open", "type": "loitering", "subtype": "", "subjects": [Subject("257000001#0", 257000001, name="A B")],
        "mmsi": [257000001], "t_start": 1_700_000_123_456, "t_end": None, "t_detected": 1_700_000_200_000, "lat": 1.5, "lon": None, "zones": [],
        "measures": {"duration_s": 3600}, "evidence": [], "exclusions": [], "confidence": 0.7, "rule": "loitering", "rule_version": "1.0", "params_hash": "00",
    }  # fmt: skip
    return Event(**(fields | changes))


def test_an_event_reads_back_as_it_was_written():
    event = make_event()
    assert event_from_json(to_json(event)) == event
    assert b'"t_start":"2023-11-14T22:15:23.456Z"' in to_json(event)


def test_the_id_is_the_episode_and_not_the_moment():
    base = event_id("dark", ["1#0", "2#0"], 1_700_000_100_000, "dark", "1.2")
    assert base == event_id("dark", ["2#0", "1#0"], 1_700_000_101_000, "dark", "1.9")
    assert base != event_id("dark", ["1#0", "2#0"], 1_700_000_100_000 + 600_000, "dark", "1.2")
    assert base != event_id("dark", ["1#0", "2#0"], 1_700_000_100_000, "dark", "2.0")
    assert len(base) == 32


@given(st.integers(0, 4_000_000_000_000))
def test_times_read_back(t_ms):
    assert from_iso(iso(t_ms)) == t_ms


def test_times_in_words():
    assert duration_text(47 * 60) == "47 min"
    assert duration_text(3 * 3600 + 5 * 60) == "3 h 05 min"
    assert clock_text(14 * 3_600_000 + 5 * 60_000) == "14:05Z"


def test_missing_is_missing():
    rows = new_fixes(2)
    rows["lat"][1], rows["lon"][1], rows["cog"][1] = 600_000, 1_200_000, 900
    assert has_position(rows).tolist() == [False, True]
    assert np.isnan(lat_deg(rows)[0])
    assert lat_deg(rows)[1] == 1.0
    assert np.isnan(cog_deg(rows)[0])
    assert rows["cog"][0] == COG_MISSING
    assert rows["lat"][0] == LAT_MISSING


@given(st.lists(st.integers(0, 9), max_size=20))
def test_rows_taken_and_joined_whole_are_the_rows_that_numpy_takes(which):
    rows = new_fixes(10)
    rows["mmsi"], rows["lat"] = np.arange(10), np.arange(10)[::-1]
    index = np.array(which, np.int64)
    mask = np.isin(np.arange(10), index)
    assert (take_rows(rows, index) == rows[index]).all()
    assert (take_rows(rows[::2], mask[::2]) == rows[::2][mask[::2]]).all()
    assert (join_rows([rows[:3], rows[:0], rows[index]], FIX_DTYPE) == np.concatenate([rows[:3], rows[index]])).all()
    assert len(join_rows([], FIX_DTYPE)) == 0


@given(st.permutations(range(6)))
def test_canonical_order_knows_content_only(order):
    rows = new_fixes(6)
    rows["release_ms"] = [5, 5, 4, 9, 9, 1]
    rows["mmsi"] = [2, 1, 3, 7, 7, 9]
    rows["lat"] = [0, 0, 0, 2, 1, 0]
    shuffled = rows[list(order)]
    assert (shuffled[canonical_order(shuffled)] == rows[canonical_order(rows)]).all()


def test_distances_cross_the_date_line_and_agree_with_the_great_circle():
    lon_east, lon_west = int(179.99 * 600_000), int(-179.99 * 600_000)
    assert geo.distance_m(0, lon_east, 0, lon_west) == pytest.approx(geo.great_circle_m(0, 179.99, 0, -179.99), rel=1e-4)
    for lat in (-75.0, -41.0, 0.0, 60.0, 79.0):
        here = geo.distance_m(int(lat * 600_000), 0, int((lat + 0.2) * 600_000), int(0.3 * 600_000))
        assert here == pytest.approx(geo.great_circle_m(lat, 0, lat + 0.2, 0.3), rel=2e-3)
    lat, lon = geo.mean_position(np.array([0.0, 0.0]), np.array([179.9, -179.9]))
    assert abs(abs(lon) - 180) < 1e-9
    assert abs(lat) < 1e-9


def test_positions_as_mariners_write_them():
    assert geo.degrees_minutes(-41.2057, 174.0933) == "41°12.34'S 174°05.60'E"
    assert geo.degrees_minutes(0.99999, -0.00001) == "01°00.00'N 000°00.00'W"
