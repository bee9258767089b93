"""Late data un-make an alert, from bytes to alert: the silence is taken back, with its reason, and the score goes with it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import sim
from dogwatch.alerts import Alert, alert_from_json
from dogwatch.batch import F_LATE
from dogwatch.errors import InputError
from dogwatch.events import event_from_json, event_order, to_json
from runners.engine import Engine, Output
from runners.inputs import satellites_of
from runners.lane import Lane
from runners.replay import Options, replay
from runners.rules import read_coverage, read_rules
from sim.scenario import T_START_MS, Scenario, load_scenario, scenario_text
from sim.scene_silence import DarkPeriod
from sim.simulate import simulate
from sim.truth import truth_rows

WORLD_S = 4800.0
BACK_AFTER_S = 2700.0  # the stored reports arrive 45 minutes after the silence began
COVERAGE = Path(sim.__file__).parent / "scenarios" / "strait.coverage"


def recorded(scenario: Scenario) -> list[bytes]:
    return [line for chunk in simulate(scenario, 7, duration_s=WORLD_S) for line in chunk.data.splitlines(keepends=True)]


def received_s(line: bytes) -> int:
    """Seconds after the start of the world; -1 for a second part, whose time stands on the first."""
    stamp = line.partition(b"c:")[2].partition(b"*")[0]
    return int(stamp) - T_START_MS // 1000 if stamp else -1


def sender(line: bytes) -> int:
    """MMSI of a first part: bits 8 to 37 of the payload."""
    values = [c - 48 - 8 * (c - 48 > 40) for c in line.split(b",")[-2][:7]]
    return sum(value << (36 - 6 * k) for k, value in enumerate(values)) >> 4 & (1 << 30) - 1


@pytest.fixture(scope="module")
def silence():
    """(lines without the vessel's reports in its silence, those reports, start of the silence in s, MMSI)."""
    silent = load_scenario(scenario_text("strait"), file="strait")
    (dark,) = [row for row in silent.behaviours if isinstance(row, DarkPeriod)]
    shorter = msgspec.structs.replace(dark, silent_s=1.0)
    talking = msgspec.structs.replace(silent, behaviours=[shorter if row is dark else row for row in silent.behaviours])
    (mmsi,) = next(row["mmsi"] for row in truth_rows(silent, 7) if row["type"] == "dark" and row["scored"])
    until_s = dark.silent_from_s + BACK_AFTER_S
    own = [line for line in recorded(talking) if dark.silent_from_s <= received_s(line) < until_s and b",1,1,," in line and sender(line) == mmsi]
    return recorded(silent), own, dark.silent_from_s, mmsi


def alerts_of(folder: Path, mmsi: int) -> list[Alert]:
    rows = map(alert_from_json, (folder / "alerts.ndjson").read_bytes().splitlines())
    return [alert for alert in rows if alert.mmsi == [mmsi]]


def test_stored_reports_that_arrive_late_retract_the_silence(silence, tmp_path):
    lines, own, start_s, mmsi = silence
    assert len(own) > 100
    at = next(i for i, line in enumerate(lines) if received_s(line) >= start_s + BACK_AFTER_S)
    (tmp_path / "dark.nmea").write_bytes(b"".join(lines))
    (tmp_path / "late.nmea").write_bytes(b"".join([*lines[:at], *own, *lines[at:]]))
    rules, coverage = read_rules("border", []), read_coverage(COVERAGE)

    replay([tmp_path / "dark.nmea"], rules, Options(tmp_path / "dark", lateness_s=5.0), coverage)
    accused = alerts_of(tmp_path / "dark", mmsi)
    assert [alert.condition for alert in accused] == ["active"] * len(accused)
    assert accused

    summary = replay([tmp_path / "late.nmea"], rules, Options(tmp_path / "late", lateness_s=5.0), coverage)
    assert summary["notes"]["late"] >= len(own) - 10
    *before, last = alerts_of(tmp_path / "late", mmsi)
    assert before[-1].condition == "active"
    assert before[-1].alert_id == last.alert_id
    assert last.condition == "retracted"
    assert last.revision == before[-1].revision + 1
    assert "late" in last.reason
    assert not [c for c in last.contributions if c.event_id]
    events = [event_from_json(line) for line in (tmp_path / "late" / "events.ndjson").read_bytes().splitlines()]
    mine = [event for event in events if event.type == "dark" and event.mmsi == [mmsi]]
    assert mine[-1].state == "retracted"
    assert [event.version for event in mine] == list(range(1, len(mine) + 1))

    replay([tmp_path / "late.nmea"], rules, Options(tmp_path / "cut", lateness_s=5.0, chunk_bytes=4099), coverage)
    for name in ("events.ndjson", "alerts.ndjson"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "late" / name).read_bytes()


def test_a_row_behind_the_watermark_is_stamped_late(silence):
    lines, own, _, _ = silence
    lane = Lane("x", lateness_ms=5_000)
    lane.feed(b"".join(lines))
    assert all(lane.feed(own[0], final=True).fixes["flags"] & F_LATE)


class Watched:
    """A coast and a satellite on one engine; what came of it."""

    def __init__(self) -> None:
        self.rules, self.events, self.alerts = read_rules("border", []), [], []
        self.engine = self.fresh()

    def fresh(self) -> Engine:
        lanes = [Lane("coast", lateness_ms=5_000), Lane("sky", lateness_ms=10_800_000, satellite=True)]
        return Engine(self.rules, lanes, read_coverage(COVERAGE))

    def feed(self, source: str, data: bytes, *, cut: int = 1 << 30, restart: bool = False) -> None:
        for at in range(0, len(data), cut):
            self.book(self.engine.feed(source, data[at : at + cut], None))
        if restart:
            sections = self.engine.to_sections()
            self.engine = self.fresh()
            self.engine.restore(sections)

    def end(self) -> list[bytes]:
        for source in ("coast", "sky"):
            self.book(self.engine.feed(source, b"", None, final=True))
        self.book(self.engine.end())
        return [to_json(event) for event in sorted(self.events, key=event_order)]

    def book(self, output: Output) -> None:
        self.events += output.all_events()
        self.alerts += output.all_alerts()


def test_what_a_satellite_hands_down_takes_the_silence_back_and_holds_nobody_up(silence):
    lines, own, start_s, mmsi = silence
    at = next(i for i, line in enumerate(lines) if received_s(line) >= start_s + BACK_AFTER_S)
    before, after, sky = b"".join(lines[:at]), b"".join(lines[at:]), b"".join(own)
    told = []
    for cut, restart in ((1 << 30, False), (4099, False), (7001, True)):
        watched = Watched()
        watched.feed("coast", before, cut=cut, restart=restart)
        mark_ms = watched.engine.intake.watermark_ms
        assert mark_ms >= T_START_MS + (start_s + BACK_AFTER_S - 10) * 1000, "never three hours behind"
        assert [e.state for e in watched.events if e.type == "dark" and e.mmsi == [mmsi]][-1] == "open"
        watched.feed("sky", sky, cut=cut, restart=restart)
        assert watched.engine.intake.watermark_ms == mark_ms
        watched.feed("coast", after, cut=cut, restart=restart)
        assert watched.engine.lanes["sky"].clock.counts()["late"] >= len(own) - 2
        told.append(watched.end())
        mine = [e for e in watched.events if e.type == "dark" and e.mmsi == [mmsi]]
        assert mine[-1].state == "retracted"
        assert not [e for e in watched.events if e.mmsi == [mmsi] and e.type == "identity"], "no second ship"
    assert told[0] == told[1] == told[2]


def test_a_satellite_alone_holds_the_watermark_itself(silence):
    lines, *_ = silence
    watched = Watched()
    watched.engine = Engine(watched.rules, [Lane("sky", lateness_ms=10_800_000, satellite=True)], None)
    watched.feed("sky", b"".join(lines))
    clock = watched.engine.lanes["sky"].clock
    assert watched.engine.intake.watermark_ms == clock.watermark_ms == clock.newest_ms // 1000 * 1000 - 10_800_000
    assert clock.counts()["late"] == 0


def results(inputs: list[Path], out: Path, **how) -> tuple[bytes, bytes]:
    replay(inputs, read_rules("border", []), Options(out, **how), read_coverage(COVERAGE))
    return (out / "events.ndjson").read_bytes(), (out / "alerts.ndjson").read_bytes()


def test_a_recording_from_space_may_be_hours_late(silence, tmp_path):
    lines, own, start_s, mmsi = silence
    at = next(i for i, line in enumerate(lines) if received_s(line) >= start_s + BACK_AFTER_S)
    late = tmp_path / "late.nmea"
    late.write_bytes(b"".join([*lines[:at], *own, *lines[at:]]))
    satellites = satellites_of(["satellite"], [late])
    whole = results([late], tmp_path / "whole", satellites=satellites)
    assert results([late], tmp_path / "cut", satellites=satellites, chunk_bytes=4099) == whole
    assert msgspec.json.decode((tmp_path / "whole" / "summary.json").read_bytes())["notes"].get("late", 0) == 0
    assert not alerts_of(tmp_path / "whole", mmsi), "every report came in time, nobody was ever silent"


def test_beside_the_coast_a_recording_from_space_has_a_lane_of_its_own(silence, tmp_path):
    lines, own, _, mmsi = silence
    coast, sky = tmp_path / "coast.nmea", tmp_path / "sky.nmea"
    coast.write_bytes(b"".join(lines))
    sky.write_bytes(b"".join(own))
    satellites = satellites_of(["sky.nmea=satellite"], [coast, sky])
    assert satellites == {"sky.nmea"}
    whole = results([coast, sky], tmp_path / "whole", satellites=satellites, lateness_s=5.0)
    assert results([coast, sky], tmp_path / "cut", satellites=satellites, lateness_s=5.0, chunk_bytes=997) == whole
    assert not [alert for alert in alerts_of(tmp_path / "whole", mmsi) if alert.condition == "active"]
    with pytest.raises(InputError, match="another lateness, lane"):
        results([coast, sky], tmp_path / "whole", lateness_s=5.0, resume=True)


@pytest.mark.parametrize(("lanes", "says"), [(["space"], "is no lane"), (["moon.nmea=satellite"], "no input is called 'moon.nmea'")])
def test_what_is_no_lane_is_refused(lanes, says, tmp_path):
    (tmp_path / "sea.nmea").write_bytes(b"# nothing\n")
    with pytest.raises(InputError, match=says):
        results([tmp_path / "sea.nmea"], tmp_path / "out", satellites=satellites_of(lanes, [tmp_path / "sea.nmea"]))
