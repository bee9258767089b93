"""The lookout of the ingest stage without a broker: calls for help go out while the columns wait, none is given up before it is acknowledged."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka.errors import KafkaTimeoutError
from kafka.future import Future
from pyais.encode import encode_dict

from dogwatch.batch import Control
from dogwatch.config import Config, Kafka, Source
from ingest.source import Received
from runners import kafka_short_road
from runners.backlog import Backlog
from runners.intake import Intake, lanes_of
from runners.kafka_lookout import Lookout
from runners.kafka_short_road import ShortRoad, distress_records
from runners.wire import Record

WAIT_S = 20
KAFKA = Kafka()


class Paper:
    """A producer that writes down what it was given; `answer` is what its promises become, None leaves them open."""

    def __init__(self, answer: Callable[[Future], object] | None) -> None:
        self.answer, self.sent, self.promises = answer, [], []

    def send(self, topic: str, value: bytes, **_named: object) -> Future:
        self.sent.append((topic, value))
        self.promises.append(Future())
        if self.answer:
            self.answer(self.promises[-1])
        return self.promises[-1]

    def close(self, timeout: float) -> None:
        """Nothing to leave."""


class Road(ShortRoad):
    """The road over paper: `producers` are the clients that it opens, one after the other."""

    def __init__(self, *producers: Paper) -> None:
        self.producers = list(producers)
        super().__init__(KAFKA)

    def _open(self) -> Paper:
        return self.producers.pop(0)


def acknowledged(promise: Future) -> object:
    return promise.success(True)


def call(mmsi: int) -> bytes:
    fields = {"type": 1, "mmsi": mmsi, "status": 14, "lat": 50.0 + mmsi % 100 / 50, "lon": 3.0, "second": 60}
    return encode_dict(fields, talker_id="AI")[0].encode() + b"\r\n"


def ship(mmsi: int) -> bytes:
    return encode_dict({"type": 1, "mmsi": mmsi, "status": 0, "lat": 51.0, "lon": 2.0, "speed": 9.0}, talker_id="AI")[0].encode() + b"\r\n"


def pieces(dice: random.Random) -> list[Received]:
    """Forty pieces of ordinary traffic; some of them hold calls, one caller calls again and again."""
    said = []
    for number in range(40):
        lines = [ship(257_000_000 + dice.randrange(9)) for _ in range(dice.randrange(1, 6))]
        lines += [call(970_100_000 + dice.randrange(4)) for _ in range(dice.choice([0, 0, 1, 2]))]
        said.append(Received(b"".join(lines), 1_767_225_600_000 + 1000 * number, "mast", "", "bytes"))
    return said


def stage(tmp_path: Path, port: int) -> tuple[Config, Backlog]:
    config = Config(sources=[Source(id="mast", kind="tcp", host="127.0.0.1", port=port)], data_dir=str(tmp_path), kafka=KAFKA)
    return config, Backlog(tmp_path / "input", config.sources, trouble)


def trouble(text: str) -> None:
    """Nothing may go wrong; how full the disk of this machine is, is no matter here."""
    if "% full" not in text:
        pytest.fail(text)


def until(true: Callable[[], object], what: str) -> None:
    limit_s = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < limit_s, what
        time.sleep(0.005)


def test_a_call_goes_out_while_nobody_takes_columns_and_its_place_is_kept_until_it_is_acknowledged(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(WAIT_S)
        config, backlog = stage(tmp_path, door.getsockname()[1])
        backlog.resume(None)
        paper, told = Paper(None), []
        lookout = Lookout(config, KAFKA, backlog, Road(paper), None, lambda records, _seconds: told.append(len(records)))
        backlog.start()
        peer, _ = door.accept()
        with peer:
            peer.sendall(ship(257_000_001) + call(970_100_001))
            until(lambda: len(paper.sent) == 3, "nobody has called `get`, and the call is out")
            assert [topic for topic, _ in paper.sent] == ["risk.alerts", "risk.events", "ais.safety"], "the alert first"
            assert told == [3]
            while backlog.get(0.0) is not None:
                pass
            assert not lookout.wait(backlog.position, 0.05), "what the stage has taken may not be committed yet"
            for promise in paper.promises:
                promise.success(True)
            assert lookout.wait(backlog.position, WAIT_S)
            peer.sendall(ship(257_000_002))
            until(lambda: backlog.get(0.01) is not None, "ordinary traffic")
            assert lookout.wait(backlog.position, WAIT_S), "where nobody calls, nothing is waited for"
        lookout.close()
        backlog.close()


def calls_of(intake: Intake, said: list[Received | Control]) -> list[Record]:
    """What the stage itself would make of them."""
    records: list[Record] = []
    for item in said:
        if isinstance(item, Control):
            intake.started()
            continue
        batch, events, alerts = intake.take(item)
        records += distress_records(KAFKA, batch.safety, events, alerts)
    return records


@pytest.mark.parametrize("seed", range(3))
def test_begun_again_at_any_commit_the_same_calls_have_the_same_bytes(tmp_path, seed):
    """Killed anywhere: the next lookout says everything behind the last commit once more, and nothing else."""
    said, dice = pieces(random.Random(seed)), random.Random(seed)
    config, backlog = stage(tmp_path, 1)
    backlog.log.begin()
    backlog.log.control(Control(0, "system_down"))
    backlog.log.take(said)
    backlog.log.close()
    committed = dice.randrange(1, len(said))
    config, backlog = stage(tmp_path, 1)
    backlog.end = (1, backlog.log.size(1))
    backlog.resume(None)
    intake = Intake(lanes_of(config))
    calls_of(intake, [backlog.get(0.0) for _ in range(1 + committed)])
    paper, sections = Paper(acknowledged), intake.to_sections()
    lookout = Lookout(config, KAFKA, backlog, Road(paper), sections, lambda _records, _seconds: None)
    assert lookout.wait(backlog.end, WAIT_S)
    lookout.close()
    expected = calls_of(intake, said[committed:])
    assert paper.sent == [(record.topic, record.value) for record in expected] != []
    backlog.close()


def test_what_the_client_gives_up_is_sent_again_in_its_order_by_a_new_one(monkeypatch):
    monkeypatch.setattr(kafka_short_road, "AGAIN_S", 0.01)
    first, second = Paper(None), Paper(acknowledged)
    road = Road(first, second)
    signals = [Record("ais.safety", b"1", b"%d" % n, []) for n in range(3)]
    for number, signal in enumerate(signals):
        road.send([signal], (1, number))
    first.promises[0].success(True)
    first.promises[2].failure(KafkaTimeoutError("given up"))
    assert not road.settle()
    assert road.deliver(WAIT_S)
    assert second.sent == [("ais.safety", b"1"), ("ais.safety", b"2")], "also what it still had in hand"


def test_a_broken_lookout_ends_the_stage(tmp_path):
    config, backlog = stage(tmp_path, 1)
    backlog.resume(None)
    lookout = Lookout(config, KAFKA, backlog, Road(Paper(None)), None, lambda _records, _seconds: None)
    backlog.log.begin()
    backlog.log.take([Received(b"", None, "mast", "", "link"), Received(call(970_100_001), 1, "mast", "", "bytes")])
    lookout.intake.take = lambda _item: 1 / 0
    with backlog.gate:
        backlog.end = (1, backlog.log.length)
        backlog.gate.notify_all()
    with pytest.raises(ZeroDivisionError):
        lookout.wait((1, backlog.log.length), WAIT_S)
    lookout.close()
    backlog.log.close()
    backlog.close()
