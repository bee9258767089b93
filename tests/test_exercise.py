"""No simulated line yields an unmarked row, event or alert, whatever is cut, damaged, lost, restarted, mixed or configured.

And a call that was real before the exercise began stays real.
"""

from __future__ import annotations

import io
import os
import random
import re
import select
from collections import deque
from contextlib import closing
from dataclasses import replace
from functools import cache

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console as Terminal
from risk_world import make, newest, run, shipped
from seas import SMALL
from starlette.testclient import TestClient
from test_safety_road import SART, text_report
from test_safety_road import report as beacon
from test_serve import Playing, chunks, connect, read_all, whole

from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.picture import Picture
from dogwatch import blob
from dogwatch.alerts import Alert, alert_from_json, marked
from dogwatch.batch import EXERCISE_RADIO, EXERCISE_WORD, F_EXERCISE, T_MISSING, Batch, SafetyReport, new_fixes
from dogwatch.config import Config, Kafka, Source
from dogwatch.events import Event, event_from_json
from ingest.capture import Capture, Session, capture_files, read_capture
from ingest.decode import DecodeState, decode
from ingest.safety import SafetyRoad, safety_step
from ingest.senders import Senders
from ingest.source import Received
from ingest.tabular import TableState, decode_table
from runners.desk import Desk
from runners.engine import Engine, Output
from runners.intake import Intake, lanes_of
from runners.kafka_ingest import cut, join
from runners.kafka_score import ScoreTask
from runners.kafka_track import TrackTask
from runners.lane import Lane
from runners.rules import read_rules
from runners.serve import PtyOutlet, TcpOutlet
from runners.simulated import Wanted, write_files
from runners.step import Rules
from runners.wire import FIXES, Meta, Record, event_record, fixes_record, from_headers, read_batch, statics_record
from sim.scenario import load_scenario
from sim.simulate import GREETING, simulate
from tests.decode_inputs import ARMOUR, T0, one, pghp, position, safety_text, six_bit, static, tag, two
from tests.naive_decode import checksum
from tracks.step import track_step


@cache
def rules() -> Rules:
    return read_rules("border", [])


KAFKA = Kafka()
CAPE = SMALL[SMALL.index('[[receivers]]\nid = "CAPE"') : SMALL.index("[[routes]]")]
THIN = (("duration_s = 6000", "duration_s = 3600"), ("count = 14", "count = 3"), ("count = 3\nais", "count = 1\nais"), (CAPE, ""))
STAMP = re.compile(rb"c:(\d+)")
ORDINARY = one(position(257_000_100)) + b"\r\n"
MAYDAY = one(safety_text("MAYDAY MAYDAY"))
READABLE = re.compile(rb"[sS]:EX-")


@cache
def sea(seed: int) -> tuple[bytes, ...]:
    """Lines of an hour with a rendezvous, beacons, static data and the rest."""
    text = SMALL
    for old, new in THIN:
        assert old in text
        text = text.replace(old, new)
    return tuple(b"".join(chunk.data for chunk in simulate(load_scenario(text, file="thin"), seed)).splitlines(keepends=True))


@cache
def sea_of_calls() -> tuple[bytes, ...]:
    """What else calls for help in a simulated sea: texts to all and to a station, status 14."""
    head = SMALL[: SMALL.index("[[routes]]")].replace("duration_s = 6000", "duration_s = 3600")
    kinds = [("safety_text", "addressed = true"), ("safety_text", ""), ("distress_status", ""), ("beacon", 'device = "mob"'), ("beacon", "test = true")]
    text = head + "".join(f'[[behaviours]]\nkind = "{kind}"\nat_s = 600\n{more}\n' for kind, more in kinds)
    return tuple(b"".join(chunk.data for chunk in simulate(load_scenario(text, file="calls"), 5)).splitlines(keepends=True))


@cache
def real_sea() -> tuple[bytes, ...]:
    """Another hour as real receivers would give it: vessels of its own, stations that are no exercise."""
    return tuple(renumbered(line) for line in sea(9))


def renumbered(line: bytes) -> bytes:
    """The same message of another vessel, heard by a real station, without what a simulated call for help says of itself."""
    stamp, sentence = STAMP.search(line), line[line.index(b"!") :]
    fields = sentence.rstrip()[1:-3].split(b",")
    if fields[2] == b"1":
        bits = "".join(f"{ARMOUR.index(chr(c)):06b}" for c in fields[5])
        bits = bits[:8] + f"{int(bits[8:38], 2) + 313:030b}" + bits[38:]
        bits = bits[:149] + bits[149:].replace(f"{EXERCISE_RADIO:019b}", "0" * 19)
        bits = bits.replace(six_bit(EXERCISE_WORD, len(EXERCISE_WORD)), six_bit("IS NO DRILL", len(EXERCISE_WORD)))
        fields[5] = "".join(ARMOUR[int(bits[i : i + 6], 2)] for i in range(0, len(bits), 6)).encode()
    body = b",".join(fields)
    station = tag("s:RL-HILL" + (f",c:{int(stamp[1])}" if stamp else ""))
    return station + b"!%s*%02X\r\n" % (body, checksum(body))


def vessels(lines: tuple[bytes, ...]) -> set[int]:
    """Whoever is heard in them."""
    batch = decode(DecodeState("s"), b"".join(lines), final=True)
    return set(batch.fixes["mmsi"].tolist()) | set(batch.statics["mmsi"].tolist()) | {report.mmsi for report in batch.safety}


# --- damage -------------------------------------------------------------------------------------------------------


def wounded(rng: random.Random, line: bytes) -> bytes:
    """A line of the simulator after an accident, most of them to its mark."""
    at = line.index(b"!")
    block, sentence = line[:at], line[at:]
    hit = rng.randrange(at)
    fields = [field for field in block[1:-4].split(b",") if not field.startswith(b"s:")]
    return rng.choice(
        [
            lambda: sentence,
            lambda: line[rng.randrange(1, at) :],
            lambda: block[:hit] + sentence,
            lambda: block[:-3] + (b"00" if block[-3:-1] != b"00" else b"11") + b"\\" + sentence,
            lambda: block[:hit] + bytes([rng.randrange(256)]) + block[hit + 1 :] + sentence,
            lambda: tag(b",".join(fields).decode()) + sentence,
            lambda: block + b"\r\n" + sentence,
            lambda: line[: rng.randrange(1, len(line))] + b"\r\n",
            line.rstrip,
            lambda: line[:-6] + bytes([line[-6] ^ 1]) + line[-5:],
            lambda: line + line,
            lambda: rng.randbytes(rng.randrange(1, 30)) + line,
            lambda: b"",
        ]
    )()


def damaged(rng: random.Random, lines: tuple[bytes, ...]) -> list[bytes]:
    """A stream in which a few lines, many, or all have had an accident."""
    rate = rng.choice([0.02, 0.3, 0.9, 1.0])
    return [wounded(rng, line) if rng.random() < rate else line for line in lines]


def pieces_of(rng: random.Random, source: str, lines: list[bytes]) -> list[Received]:
    """A stream as it arrives, cut anywhere, or as datagrams of whole lines from several peers; arrival follows the stamps."""
    found, now_ms = [], T0 * 1000
    datagrams = rng.random() < 0.5
    held, size = b"", rng.choice([20, 300, 4000])
    for line in lines:
        if stamp := STAMP.search(line):
            now_ms = max(now_ms, min(int(stamp[1]) * 1000, (T0 + 3700) * 1000))
        held += line
        if datagrams:
            found.append(Received(held, now_ms, source, f"peer#{rng.randrange(3)}", "bytes"))
            held = b""
        while not datagrams and len(held) > size:
            keep = rng.randrange(1, 2 * size)
            found.append(Received(held[:keep], now_ms, source, "", "bytes"))
            held = held[keep:]
    return [*found, Received(held, now_ms, source, "", "bytes")] if held else found


# --- what comes of it ---------------------------------------------------------------------------------------------


def a_lane(rng: random.Random, source: str) -> Lane:
    """Whatever an operator may have configured, but for the mark."""
    return Lane(source, lateness_ms=rng.choice([3_000, 120_000]), checksum=rng.choice(["drop", "flag"]), tags=rng.choice(["keep", "strict"]))


def embedded(rng: random.Random, pieces: list[Received], make_lanes: list[Lane], restarts: float = 0.0) -> list[Output]:
    """All that an engine makes of pieces, taken in runs of any length, killed and resumed now and then with lanes that know of no exercise."""
    engine, outputs, at = Engine(rules(), make_lanes), [], 0
    plain = [Lane(lane.source, lateness_ms=lane.clock.lateness_ms, checksum=lane.checksum, tags=lane.tags) for lane in make_lanes]
    while at < len(pieces):
        waiting = deque(pieces[at : at + rng.choice([1, 30, 1000])])
        at += len(waiting)
        while waiting:
            outputs.append(engine.take_run(waiting))
        if rng.random() < restarts:
            packed = blob.pack(engine.to_sections(), schema=1)
            engine = Engine(rules(), [Lane(lane.source, lateness_ms=lane.clock.lateness_ms, checksum=lane.checksum, tags=lane.tags) for lane in plain])
            engine.restore(blob.unpack(packed, schema=1))
            outputs.append(engine.resume())
    outputs += [engine.feed(source, b"", final=True) for source in engine.lanes]
    return [*outputs, engine.end()]


def staged(rng: random.Random, pieces: list[Received], lanes: list[Lane]) -> tuple[list[Record], list[Record]]:
    """What the three Kafka stages write to risk.events and risk.alerts, distress apart; every message in batches of any size."""
    intake, track, score = Intake(lanes), TrackTask(KAFKA, rules()), ScoreTask(KAFKA, rules().profile)
    events, alerts, pending, said_ms = [], [], [], T_MISSING

    def send(*, end: bool) -> None:
        nonlocal said_ms
        for batch, last in cut(join(pending, tuple(intake.receivers)), 500):
            meta = Meta(FIXES, "test", watermark_ms=intake.watermark_ms if last else said_ms, exercise=intake.exercise, end=end and last)
            for record in (fixes_record("ais.fixes", batch, meta), statics_record("ais.statics", batch, meta)):
                events.extend(track.take(record.topic, record.value, record.headers))
        events.extend(track.close())
        pending.clear()
        said_ms = intake.watermark_ms

    for piece in pieces:
        pending.append(intake.take(piece)[0])
        if rng.random() < 0.02:
            send(end=False)
    pending += [intake.feed(source, b"", None, final=True)[0] for source in intake.lanes]
    intake.end()
    send(end=True)
    for record in events:
        alerts += score.take("risk.events", record.value, record.headers)
    return [record for record in events if record.value], alerts


def told(outputs: list[Output]) -> tuple[list[Event], list[Alert]]:
    return [event for output in outputs for event in output.all_events()], [alert for output in outputs for alert in output.all_alerts()]


def row_marks(outputs: list[Output]) -> np.ndarray:
    """bool: marks of all fixes, in order of arrival."""
    return np.concatenate([(output.batch.fixes["flags"] & F_EXERCISE) > 0 for output in outputs])


def reads_as_exercise(alert: Alert) -> bool:
    return alert.exercise and alert.headline.startswith("EXERCISE: ")


def test_the_seas_have_something_to_lose():
    rng = random.Random(1)
    for lines in (sea(3), real_sea()):
        events, alerts = told(embedded(rng, [Received(b"".join(lines), T0 * 1000, "a", "", "bytes")], [Lane("a", lateness_ms=120_000)]))
        assert {"safety", "rendezvous"} <= {event.type for event in events}
        assert {"risk", "distress", "test_beacon"} == {alert.kind for alert in alerts}
        assert {alert.exercise for alert in alerts} == {lines is sea(3)}
    assert len(vessels(sea(3))) > 10
    assert not vessels(sea(3)) & vessels(real_sea())


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
def test_nothing_of_a_simulated_source_is_unmarked_once_it_has_greeted(seed):
    rng = random.Random(seed)
    lines = [GREETING, *damaged(rng, sea(3))]
    outputs = embedded(rng, pieces_of(rng, "a", lines), [a_lane(rng, "a")], restarts=0.01)
    events, alerts = told(outputs)
    assert row_marks(outputs).all()
    assert all((output.batch.statics["flags"] & F_EXERCISE > 0).all() and all(report.exercise for report in output.batch.safety) for output in outputs)
    assert all(event.exercise for event in events)
    assert all(reads_as_exercise(alert) for alert in alerts)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=4, deadline=None)
def test_without_a_greeting_nothing_is_unmarked_from_the_first_mark_on_that_can_be_read(seed):
    """And what is unmarked is what came of the bytes before it: no more, no less."""
    rng = random.Random(seed)
    lines = damaged(rng, sea(3))
    first = next((at for at, line in enumerate(lines) if READABLE.search(line)), len(lines))
    lane = {"lateness_ms": 120_000, "tags": rng.choice(["keep", "strict"])}
    pieces = [Received(line, T0 * 1000, "a", "", "bytes") for line in lines]
    outputs = embedded(rng, pieces, [Lane("a", **lane)])
    before = Engine(rules(), [Lane("a", **lane)])
    earlier = [before.take(piece) for piece in pieces[:first]]
    marks = row_marks(outputs)
    assert (np.diff(marks.astype(int)) >= 0).all()
    assert (~marks).sum() == sum(len(output.batch.fixes) for output in earlier)
    events, alerts = told(outputs)
    assert [event for event in events if not event.exercise] == told(earlier)[0]
    assert [alert for alert in alerts if not alert.exercise] == told(earlier)[1]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=6, deadline=None)
def test_a_simulated_source_marks_the_whole_run_and_what_was_real_before_stays_real(seed):
    rng = random.Random(seed)
    begin_s = rng.choice([0, 700, 1650, 2500, 3500])
    simulated = [line for line in sea(3) if (stamp := STAMP.search(line)) and int(stamp[1]) >= T0 + begin_s]
    real, drill = pieces_of(rng, "real", list(real_sea())), pieces_of(rng, "drill", [GREETING, *damaged(rng, tuple(simulated))])
    drill = [replace(piece, t_rx_ms=max(piece.t_rx_ms, (T0 + begin_s) * 1000)) for piece in drill]
    greeted = next(n for n in range(1, len(drill)) if sum(len(piece.data) for piece in drill[:n]) >= len(GREETING))
    pieces = sorted(real + drill, key=lambda piece: piece.t_rx_ms)
    start = pieces.index(drill[greeted - 1])
    outputs = embedded(rng, pieces, [a_lane(rng, "real"), a_lane(rng, "drill")], restarts=0.003)
    events, alerts = told(outputs)
    strangers = vessels(sea(3))
    assert all(event.exercise for event in events if strangers & set(event.mmsi))
    assert all(reads_as_exercise(alert) for alert in alerts if strangers & set(alert.mmsi))

    before = Engine(rules(), [Lane("real", lateness_ms=3_000), Lane("drill", lateness_ms=3_000)])
    calls = {alert.alert_id for piece in pieces[:start] for alert in before.take(piece).distress_alerts}
    distress = [alert for alert in alerts if alert.kind != "risk"]
    assert {alert.alert_id for alert in distress if not alert.exercise} == calls
    assert not any(alert.exercise for alert in distress if alert.alert_id in calls)
    assert calls or begin_s == 0


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=4, deadline=None)
def test_the_three_stages_mark_value_and_header(seed):
    rng = random.Random(seed)
    begin_s = rng.choice([0, 1650])
    pieces = pieces_of(rng, "drill", [GREETING, *damaged(rng, sea(3))])
    pieces = sorted([*pieces_of(rng, "real", list(real_sea())), *pieces], key=lambda piece: piece.t_rx_ms + (begin_s * 1000 if piece.source == "drill" else 0))
    events, alerts = staged(rng, pieces, [a_lane(rng, "real"), a_lane(rng, "drill")])
    assert events
    strangers = vessels(sea(3))
    for record, read in [*((record, event_from_json) for record in events), *((record, alert_from_json) for record in alerts)]:
        what = read(record.value)
        assert what.exercise == (("exercise", b"1") in record.headers)
        assert what.exercise or not strangers & set(what.mmsi)
    assert any(strangers & set(event_from_json(record.value).mmsi) for record in events) or not alerts


# --- one road after the other -------------------------------------------------------------------------------------

FIRST = {
    "a tag block": tag("s:EX-a") + one(position()),
    "a tag block on a line of its own": tag("s:EX-a"),
    "with a stale checksum": tag("s:EX-a", wrong=9) + one(position()),
    "without its end": b"\\s:EX-a,c:17672256" + one(position()),
    "and nothing behind it": b"\\s:EX-a,c:17672",
    "behind another one": tag("c:1767225600") + tag("n:4,s:EX-a") + one(position()),
    "before a sentence that is damaged": tag("s:EX-a") + one(position())[:-1] + b"x",
    "of a station that stands in $PGHP": pghp(site="EX-a"),
    "in a trailer": one(position()) + b",rEX-a,1767225600",
    "in a datagram": b"UdPbC\0" + tag("s:EX-a") + one(position()),
    "the greeting": GREETING.rstrip(),
    "the greeting behind garbage": b"\xff\0" + GREETING.rstrip(),
}
THEN = {
    "text": [MAYDAY],
    "damaged text": [MAYDAY[:-2] + b"00"],
    "text whose end is lost": [two(safety_text("MAYDAY MAYDAY MAYDAY"), cut=20)[0]],
    "a beacon": [one(position(970_000_001, nav=14))],
    "a beacon in a type 27": [one("011011" + position(970_000_001)[6:96])],
    "status 14": [one(position(nav=14))],
    "behind a damaged tag": [tag("s:", wrong=1)[:-2] + MAYDAY],
    "with a real station's name": [tag("s:RL-HILL,c:1767225600") + MAYDAY],
}


@pytest.mark.parametrize("tags", ["keep", "strict"])
@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST.keys())
@pytest.mark.parametrize("then", THEN.values(), ids=THEN.keys())
def test_a_mark_is_remembered(first, then, tags):
    """Across a new connection, a restart, and for every sender of the source."""
    intake = Intake([Lane("a", lateness_ms=0, tags=tags)])
    intake.take(Received(first + b"\r\n", T0 * 1000, "a", "peer#1", "bytes"))
    for sender in ("peer#1", "peer#2"):
        again = Intake([Lane("a", lateness_ms=0, tags=tags)])
        again.restore(blob.unpack(blob.pack(intake.to_sections(), schema=1), schema=1))
        again.take(Received(b"", T0 * 1000, "a", sender, "link"))
        again.take(Received(b"\r\n".join(then) + b"\r\n", T0 * 1000, "a", sender, "bytes"))
        batch, _, _ = again.take(Received(b"\r\n" + b"".join(one(position(257_000_100 + n)) + b"\r\n" for n in range(1100)), T0 * 1000, "a", sender, "end"))
        assert (batch.fixes["flags"] & F_EXERCISE).all()
        incidents = [incident for mine in again.safety.incidents.values() for incident in mine]
        assert incidents, "there must be something to mark"
        assert all(incident.exercise for incident in incidents)


@cache
def calls() -> tuple[bytes, ...]:
    """Every line of the small sea that is a call for help, a test of one, or a part of one."""
    lines = [(line, line[line.index(b"!") :]) for line in (*sea(3), *sea_of_calls())]
    return tuple(line for line, bare in lines if bare.split(b",")[5][:1] in b"<>" or decode(DecodeState("s"), bare, final=True).safety)


def alone(line: bytes, **how: str) -> list[SafetyReport]:
    """What is told when a line is the first that is ever heard of its source; an open text goes ahead, too."""
    state = DecodeState("s", **how)
    batch = decode(state, line + b"\r\n" + 1100 * ORDINARY, final=True)
    assert bool(batch.fixes["flags"][-1] & F_EXERCISE) == state.exercise
    return batch.safety


def test_a_simulated_call_says_so_itself_when_its_tag_block_is_gone():
    """Every call: device, test, text in one part and in two, status 14; whole, and also when a checksum is wrong."""
    kinds = set()
    for line in calls():
        sentence = line[line.index(b"!") :].rstrip()
        for told_alone in (alone(sentence), alone(sentence[:-2] + b"??"), alone(sentence[:-2] + b"??", checksum="flag")):
            assert all(report.simulated for report in told_alone), sentence
            kinds |= {(report.kind, report.msg_type) for report in told_alone}
    assert kinds - {("beacon", 3), ("status14", 3)} == {("beacon", 1), ("text", 12), ("text", 14), ("status14", 1)}


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_one_accident_to_a_simulated_call_never_leaves_it_unmarked(data):
    """Bytes lost or changed at any place of the line, its tag block with them or not, and nothing of the source heard before."""
    line = data.draw(st.sampled_from(calls())).rstrip()
    begin = data.draw(st.integers(0, len(line) - 1))
    end = data.draw(st.integers(begin, len(line)) | st.just(line.index(b"!") if begin < line.index(b"!") else len(line)))
    instead = data.draw(st.binary(max_size=3) | st.binary(min_size=end - begin, max_size=end - begin))
    hurt = line[:begin] + instead.replace(b"\n", b"?").replace(b"\r", b"?") + line[end:]
    reports = alone(hurt, checksum=data.draw(st.sampled_from(["drop", "flag", "absent"])), tags=data.draw(st.sampled_from(["keep", "strict"])))
    assert all(report.simulated for report in reports if report.mmsi != 257_000_100), hurt


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_no_real_call_bears_the_mark_of_a_simulated_one(seed):
    """Any state that the radio of a set can have, any words that people type: whole, damaged or cut."""
    rng = random.Random(seed)
    for _ in range(50):
        timeout = rng.randrange(8)
        content = {0: rng.randrange(2250), 1: rng.randrange(24) << 9 | rng.randrange(60) << 2}.get(timeout, rng.randrange(2250 if timeout % 2 == 0 else 16_384))
        sotdma = rng.randrange(4) << 17 | timeout << 14 | content
        itdma = rng.randrange(4) << 17 | rng.randrange(3 * 2250) << 4 | rng.randrange(16)
        kind = rng.choice([1, 2, 3])
        words = rng.choice(["MAYDAY MV EX-DOG", "THIS IS NO EXERCISE MAYDAY", "EX-DOGWATC MAYDAY", "SOS DOGWATCH", "MAYDAY EX DOGWATCH"])
        position_of_it = position(rng.choice([970, 972, 974]) * 1_000_000 + rng.randrange(1_000_000), kind=kind, nav=14, radio=itdma if kind == 3 else sotdma)
        call = one(rng.choice([position_of_it, safety_text(words)]))
        hurt = rng.choice([call, call[: rng.randrange(20, len(call))], call[:-2] + b"??"])
        assert not any(report.simulated for report in alone(hurt, checksum=rng.choice(["drop", "flag", "absent"]))), hurt


def test_a_name_that_only_looks_alike_marks_nothing():
    for line in (b"# EX-a is a station", b"$GPTXT,01,01,02,EX-a*00", tag("s:LEX-a") + one(position()), tag("s:ex-a,d:EX-") + one(position())):
        state = DecodeState("s")
        decode(state, line + b"\r\n")
        assert not state.exercise, line


def test_a_mark_is_seen_however_many_stations_there_are():
    state = DecodeState("s")
    decode(state, b"".join(tag(f"s:{n}") + one(position()) + b"\n" for n in range(4200)))
    assert state.counts.notes["station_overflow"] > 0
    assert (decode(state, tag("s:EX-a") + one(position()) + b"\n").fixes["flags"] & F_EXERCISE).all()


def test_a_part_from_before_the_mark_leaves_marked():
    first, second = two(static(), seq="3")
    text = two(safety_text("MAYDAY MAYDAY MAYDAY"), seq="4", cut=20)[0]
    state = DecodeState("s")
    batch = decode(state, b"\n".join([first, text, tag("s:EX-a") + one(position()), second, *[one(position())] * 1100]) + b"\n")
    assert len(batch.statics) == len(batch.safety) == 1
    assert batch.statics["flags"][0] & F_EXERCISE
    assert batch.safety[0].exercise


def test_configuration_cannot_take_a_mark_away_and_can_give_it_at_a_restart():
    lines = tag("s:EX-a") + one(position()) + b"\r\n"
    sources = [Source("a", "udp", exercise=False), Source("b", "udp")]
    intake = Intake(lanes_of(Config(sources=sources)))
    intake.take(Received(lines, T0 * 1000, "a", "", "bytes"))
    assert (intake.simulated, intake.exercise) == ({"a"}, True)
    batch, _, _ = intake.take(Received(one(position()) + b"\r\n", T0 * 1000, "b", "", "bytes"))
    assert batch.fixes["flags"][0] & F_EXERCISE, "one simulated source makes the whole run an exercise"
    only_b = Intake(lanes_of(Config(sources=sources[1:])))
    only_b.restore(intake.to_sections())
    assert only_b.exercise, "a run goes on as what it was, also when the simulated source has been removed"

    plain = Intake(lanes_of(Config(sources=sources)))
    plain.take(Received(one(position()) + b"\r\n", T0 * 1000, "a", "", "bytes"))
    assert not plain.exercise
    now_marked = Intake(lanes_of(Config(sources=[Source("a", "udp", exercise=True)])))
    now_marked.restore(plain.to_sections())
    assert now_marked.exercise
    batch, _, _ = now_marked.take(Received(one(position()) + b"\r\n", T0 * 1000, "a", "", "bytes"))
    assert batch.fixes["flags"][0] & F_EXERCISE


def test_a_new_sender_of_a_simulated_source_joins_no_real_call():
    """Also a sender that comes when others have been forgotten."""
    senders = Senders(lambda: DecodeState("a"))
    assert not senders.feed(MAYDAY + b"\n", None, "first").safety[0].simulated
    senders.feed(tag("s:EX-a") + one(position()) + b"\n", None, "second")
    for sender in ("first", "third"):
        assert senders.feed(MAYDAY + b"\n", None, sender).safety[0].simulated


def test_names_alone_make_an_exercise_of_what_is_seen():
    """A vessel of a real receiver with the static data of a simulated one."""
    lines = real_sea()
    marks = []
    for flag in (0, F_EXERCISE):
        engine = Engine(rules(), [Lane("real", lateness_ms=3_000)])
        batch = engine.intake.feed("real", b"".join(lines), None, final=True)[0]
        engine.intake.end()
        batch.statics["flags"][:1] |= np.uint32(flag)
        events = track_step(engine.watch.track, batch, engine.watermark_ms, final=True)
        marks.append({event.exercise for event in events})
    assert marks == [{False}, {True}]


def test_the_name_of_a_source_can_mark_it():
    assert Lane("EX-trainer", lateness_ms=0).exercise
    assert not Lane("trainer", lateness_ms=0).exercise


def table_marks(text: str, columns: dict[str, str] | None = None) -> list[bool]:
    batch = decode_table(TableState("t", columns=columns), text.encode(), final=True)
    assert len(batch.fixes) == 2
    return ((batch.fixes["flags"] & F_EXERCISE) > 0).tolist()


def test_no_mapping_of_columns_takes_the_mark_of_a_table_away():
    head, rows = "mmsi,t,lat,lon,exercise,source,other\n", "970000001,1700000000,1,2,{0},{1},no\n1,1700000001,1,2,{0},{1},no\n"
    for columns in (None, {"exercise": "other"}, {"name": "exercise"}, {"name": "source", "callsign": "exercise"}):
        assert table_marks(head + rows.format("true", "hill"), columns) == [True, True]
        assert table_marks(head + rows.format("", "hill.nmea/EX-hill"), columns) == [True, True]
        assert table_marks(head + rows.format("", "hill.nmea/hill"), columns) == [False, False]
    assert table_marks(head.replace("other", "sim") + rows.format("", "hill").replace("no", "yes"), {"exercise": "sim"}) == [True, True]


def test_a_real_call_stays_real_and_goes_on_as_one():
    road = SafetyRoad()
    _, (first,) = safety_step(road, [beacon()])
    _, (drill,) = safety_step(road, [beacon(simulated=True)])
    after = beacon()
    after.exercise = True  # of a real receiver, in a run that has become an exercise
    _, (second,) = safety_step(road, [after])
    stranger = beacon(SART + 1)
    stranger.exercise = True
    _, (new,) = safety_step(road, [stranger])
    assert not first.exercise
    assert reads_as_exercise(drill)
    assert drill.alert_id != first.alert_id
    assert (second.alert_id, second.revision, second.exercise) == (first.alert_id, 2, False)
    assert reads_as_exercise(new)
    far, without = beacon(lat=first_lat(road) + 6_000_000), text_report("MAYDAY", mmsi=SART)
    far.exercise = without.exercise = True
    _, told_far = safety_step(road, [far])
    assert all(reads_as_exercise(alert) for alert in told_far), "another place is another call"
    _, told_without = safety_step(road, [without])
    assert {alert.alert_id for alert in told_without} <= {first.alert_id}


def first_lat(road: SafetyRoad) -> int:
    return next(iter(road.incidents.values()))[0].lat


def test_what_becomes_of_a_case_after_the_mark_is_marked():
    """Revised, dissolved or withdrawn: also where no marked event is left in it."""
    event = make("loitering", [257_000_001], 0, coast_nm=5.0, version=1)
    state, (raised,) = run(shipped(), [event])
    assert not raised.exercise
    gone = msgspec.structs.replace(event, version=2, state="retracted", exercise=True, t_detected=event.t_detected + 60_000)
    _, (withdrawn,) = run(shipped(), [gone], state)
    assert (withdrawn.condition, withdrawn.alert_id) == ("retracted", raised.alert_id)
    assert reads_as_exercise(withdrawn)
    assert newest([raised, withdrawn])[raised.alert_id].exercise
    other = make("dark", [257_000_001], 10, coast_nm=5.0)
    state, _ = run(shipped(), [event, other])
    _, revised = run(shipped(), [gone], state)
    assert revised
    assert all(reads_as_exercise(alert) for alert in revised), "one unmarked event is left, and what leaves is of an exercise all the same"
    assert marked(withdrawn.headline, exercise=True) == withdrawn.headline


def test_a_mark_that_was_taken_off_on_the_way_is_put_back():
    """The header of a message is believed where its value says nothing, and the value where the header is gone."""
    batch = Batch(new_fixes(2), *(getattr(Intake([Lane("a", lateness_ms=0)]).feed("a", b"", None)[0], name) for name in ("statics", "others")))
    batch.fixes["flags"][1] = F_EXERCISE
    record = fixes_record("ais.fixes", batch, Meta(FIXES, "test"))
    assert ("exercise", b"1") in record.headers
    batch.fixes["flags"] = 0
    bare = fixes_record("ais.fixes", batch, Meta(FIXES, "test"))
    assert (read_batch(bare.value, from_headers(record.headers, FIXES)).fixes["flags"] & F_EXERCISE).all()
    assert not (read_batch(bare.value, from_headers(bare.headers, FIXES)).fixes["flags"] & F_EXERCISE).any()

    event = make("loitering", [257_000_001], 0, coast_nm=5.0, exercise=True)
    record = event_record("risk.events", event, "test")
    stripped = event_record("risk.events", msgspec.structs.replace(event, exercise=False), "test")
    for value, headers in ((record.value, stripped.headers), (stripped.value, record.headers)):
        score = ScoreTask(KAFKA, rules().profile)
        score.take("risk.events", value, headers)
        assert [one.exercise for one in score.frame] == [True]


def test_a_capture_says_it_at_the_head_of_every_file_from_then_on(tmp_path):
    capture = Capture(tmp_path, [Source("a", "udp"), Source("b", "udp")], flush_s=0.0, rotate_bytes=1)
    for simulated in (set(), {"b"}, set()):
        capture.take(Received(b"x\n", T0 * 1000, "a", "", "bytes"))
        capture.mark(simulated)
        capture.settle(now=True)
    capture.close()
    heads = [next(read_capture([file], say=pytest.fail)) for file in capture_files(tmp_path)]
    assert [[source.exercise for source in head.sources] for head in heads if isinstance(head, Session)] == [[False, False], [False, True], [False, True]]


def test_who_listens_to_the_simulator_is_greeted(tmp_path):
    """On a connection, on a serial line, and at the head of a file."""
    some = chunks(3)
    port, terminal = TcpOutlet("127.0.0.1", 0), PtyOutlet()
    for out in (port, terminal):
        out.greet(GREETING)
    wire = os.open(terminal.address, os.O_RDWR | os.O_NOCTTY)
    playing = Playing(some, [port, terminal], speed=0.0)
    with closing(connect(port)) as peer:
        heard = b""
        while len(heard) < len(GREETING + whole(some)):
            assert select.select([wire], [], [], 10)[0], "nothing comes"
            heard += os.read(wire, 4096)
        assert heard == read_all(peer) == GREETING + whole(some)
    os.close(wire)
    playing.end()
    write_files(Wanted("clean", 1, nmea=tmp_path / "sea.nmea", duration_s=60.0))
    lines = (tmp_path / "sea.nmea").read_bytes().splitlines(keepends=True)
    assert lines[0] == GREETING
    assert len(lines) > 10


def test_people_are_told_when_a_run_becomes_an_exercise_and_who_did_it():
    said = io.StringIO()
    desk = Desk(Engine(rules(), [Lane("hill", lateness_ms=0), Lane("cape", lateness_ms=0)]), terminal=Terminal(file=said, width=200))
    desk.board = Board()
    for source, line in (("hill", one(position())), ("cape", tag("s:EX-a") + one(position())), ("hill", one(position()))):
        desk._last_health = -10.0
        desk.show(desk.engine.take(Received(line + b"\r\n", T0 * 1000, source, "", "bytes")), 0.0)
        health = desk.board.health_now()
        assert (health["exercise"], health["simulated"]) == ((False, []) if source == "hill" and not said.getvalue() else (True, ["cape"]))
    assert said.getvalue().count("EXERCISE: simulated data from cape") == 1
    assert b"dogwatch_exercise 1.0" in desk.metrics.text()
    page = TestClient(create_app(desk.board, Picture(), Decisions(None)), base_url="http://127.0.0.1")
    assert page.get("/healthz").json()["exercise"], "also where the picture shows nothing of it"
