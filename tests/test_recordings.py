"""Real recordings through the whole pipeline: every line accounted for, alerts explained, the law of cuts kept."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import msgspec
import pytest
from tracks_sea import STATICS_WAYS, WAYS

from dogwatch.alerts import alert_from_json, alert_order
from dogwatch.events import event_from_json, event_order
from runners.replay import Options, replay
from runners.rules import read_rules
from tests.recordings import RECORDINGS as ALL
from tests.recordings import read

RECORDINGS = [
    "nmea-dma-abnormal/ais-sample.txt.gz",
    "nmea-opencpn/Go_to_Guernesey.txt",
    "nmea-gfw-listener/nmea-with-tagblock.txt",
    "dec-solent/SolentAIS_20160112_130211.csv",
    "dec-atlantes-noaa/noaa_test_track.csv",
]
CLASSES = ("other", "decoded", "rejected")


@pytest.fixture(scope="module")
def rules():
    return read_rules("border", [])


def physical_lines(path: Path) -> int:
    """Counted without the product: lines as `wc -l` sees them, and an unterminated last one."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data.count(b"\n") + (not data.endswith(b"\n") and bool(data))


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_is_accounted_for_and_explained(name, shared_data, rules, tmp_path):
    path = shared_data(name)
    summary = replay([path], rules, Options(tmp_path / "whole"))
    assert summary["lines"] == physical_lines(path)
    classes = summary["blank"] + summary["tag_only"] + summary["parts"] + summary["open"] + sum(sum(summary[c].values()) for c in CLASSES)
    assert summary["lines"] + summary["glued"] == classes
    assert summary == msgspec.json.decode((tmp_path / "whole" / "summary.json").read_bytes())
    events = [event_from_json(line) for line in (tmp_path / "whole" / "events.ndjson").read_bytes().splitlines()]
    alerts = [alert_from_json(line) for line in (tmp_path / "whole" / "alerts.ndjson").read_bytes().splitlines()]
    assert events == sorted(events, key=event_order)
    assert alerts == sorted(alerts, key=alert_order)
    for alert in alerts:
        assert alert.headline
        assert alert.explanation
        assert not alert.exercise
        assert alert.kind != "risk" or sum(c.points for c in alert.contributions) == alert.score_milli
        known = {event.event_id for event in events}
        assert set(alert.event_ids) <= known
    replay([path], rules, Options(tmp_path / "cut", chunk_bytes=4099))
    for file in ("events.ndjson", "alerts.ndjson"):
        assert (tmp_path / "cut" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


TIMELESS = ("seconds", "cpu_seconds", "rates")


@pytest.mark.parametrize("lateness_s", [0.0, 5.0])
@pytest.mark.parametrize("name", ["nmea-gfw-listener/nmea-with-tagblock.txt", "nmea-dma-abnormal/212123000_drift_1.ais", "nmea-dma-aislib/stream_example.txt"])
def test_what_is_late_does_not_depend_on_the_cuts(name, lateness_s, shared_data, rules, tmp_path):
    """Where much is late, statics and fixes must be judged by the same watermark whatever the pieces, to the last counter."""
    path = shared_data(name)
    whole = replay([path], rules, Options(tmp_path / "whole", lateness_s=lateness_s, chunk_bytes=1 << 30))
    cut = replay([path], rules, Options(tmp_path / "cut", lateness_s=lateness_s, chunk_bytes=331))
    assert {k: v for k, v in cut.items() if k not in TIMELESS} == {k: v for k, v in whole.items() if k not in TIMELESS}
    for file in ("events.ndjson", "alerts.ndjson"):
        assert (tmp_path / "cut" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_the_inserted_beacons_of_the_channel_recording_are_distress(shared_data, rules, tmp_path):
    path = shared_data("nmea-opencpn/Go_to_Guernesey.txt")
    replay([path], rules, Options(tmp_path))
    alerts = [alert_from_json(line) for line in (tmp_path / "alerts.ndjson").read_bytes().splitlines()]
    distress = [alert for alert in alerts if alert.kind == "distress"]
    assert distress
    assert all(alert.level == "emergency" for alert in distress)
    assert {str(m)[:3] for alert in distress for m in alert.mmsi} == {"970"}
    assert all(alert.contributions == [] for alert in distress), "distress is never scored"


LINES_MAX = 20_000
TABLES = [name for name in RECORDINGS if name.endswith(".csv")]
SENTENCE = re.compile(rb"![^#\r\n]{2}VD[MO],", re.IGNORECASE)
POSITIONS = ("1", "2", "3", "4", "9", "11", "18", "19", "21", "27", "28", "position")
STATICS = ("5", "19", "21", "24")


@pytest.mark.parametrize("name", ALL + TABLES)
def test_no_sentence_and_no_position_goes_without_a_count(name, shared_data, rules, tmp_path):
    """Each sentence is a message, a part, or refused for a reason; each row is taken into a track or dropped for one; pieces add up alike."""
    path = tmp_path / Path(name).name.removesuffix(".gz")
    data = b"".join(read(shared_data(name)).splitlines(keepends=True)[:LINES_MAX])
    path.write_bytes(data)
    summary = replay([path], rules, Options(tmp_path / "whole"))
    classes = summary["blank"] + summary["tag_only"] + summary["parts"] + summary["open"] + sum(sum(summary[c].values()) for c in CLASSES)
    assert classes == physical_lines(path) + summary["glued"]
    taken = summary["parts"] + summary["open"] + sum(summary["decoded"].values()) + sum(summary["rejected"].values())
    assert name in TABLES or taken == sum(len(SENTENCE.findall(line)) for line in data.splitlines() if not line.startswith(b"#"))
    track = summary["track"]
    rows = sum(summary["decoded"].get(kind, 0) for kind in POSITIONS)
    assert rows == summary["fixes"] == track["rows_in"] == sum(track[way] for way in WAYS), track
    assert name in TABLES or track["statics_in"] == sum(summary["decoded"].get(kind, 0) for kind in STATICS)
    assert track["statics_in"] == sum(track[way] for way in STATICS_WAYS), track
    cut = replay([path], rules, Options(tmp_path / "cut", chunk_bytes=331))
    assert {k: v for k, v in cut.items() if k not in TIMELESS} == {k: v for k, v in summary.items() if k not in TIMELESS}
