"""Three processes and a broker against one process: the same recording gives the same bytes, also when stages are killed on the way."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka_reading import committed, reader_of
from seas import recording

from benchmarks.nursery import Child, Nursery
from dogwatch.alerts import alert_from_json, alert_order
from dogwatch.batch import T_MISSING
from dogwatch.config import Kafka
from dogwatch.events import event_from_json, event_order
from runners import wire
from runners.broker import free_port
from runners.kafka_raw import read_block
from runners.kafka_stage import init_topics
from runners.replay import Options, replay
from runners.rules import read_config, read_rules

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = "import sys; from runners.cli import main; sys.exit(main())"
STAGE_S_MAX = 240  # for a stage that hangs: one that shares its core with three others takes four times as long as alone
LATENESS_S = 120
INTERRUPTED = 130
SETTINGS = """
profile = "border"
data_dir = "{data}"

[[sources]]
id = "sea.nmea"
kind = "file"
path = "{sea}"
lateness_s = {lateness_s}

[console]
port = {port}

[metrics]
port = {metrics_port}

[kafka]
bootstrap = "{bootstrap}"
prefix = "{prefix}"
batch_rows = {batch_rows}
batch_ms = 20
snapshot_s = {snapshot_s}
raw = true
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[bytes, list[bytes], list[bytes]]:
    """The recording, and what the embedded run makes of it."""
    folder = tmp_path_factory.mktemp("embedded")
    sea = folder / "sea.nmea"
    sea.write_bytes(recording())
    replay([sea], read_rules("border", []), Options(folder / "out", lateness_s=LATENESS_S))
    events, alerts = ((folder / "out" / name).read_bytes().splitlines() for name in ("events.ndjson", "alerts.ndjson"))
    kinds = {event_from_json(line).type for line in events}
    assert {"loitering", "rendezvous", "dark", "safety"} <= kinds, "there must be something to compare"
    assert len(alerts) >= 3
    return sea.read_bytes(), events, alerts


class Pipeline:
    """Configuration, topics and processes of one deployment."""

    def __init__(
        self, folder: Path, bootstrap: str, prefix: str, sea: Path, nursery: Nursery | None, *, batch_rows: int = 300, snapshot_s: float = 0.2
    ) -> None:
        """nursery: where its processes are born; None = each from nothing, by the real command."""
        self.folder, self.nursery = folder, nursery
        self.file = folder / "kafka.toml"
        self.port = free_port()
        text = SETTINGS.format(
            data=folder / "data",
            sea=sea,
            lateness_s=LATENESS_S,
            bootstrap=bootstrap,
            prefix=prefix,
            batch_rows=batch_rows,
            snapshot_s=snapshot_s,
            port=self.port,
            metrics_port=free_port(),
        )
        self.file.write_text(text, encoding="utf-8")
        config = read_config(self.file)
        assert config.kafka is not None
        self.kafka: Kafka = config.kafka
        init_topics(config)
        self.running: dict[str, subprocess.Popen[bytes] | Child] = {}

    def start(self, *stages: str) -> None:
        for stage in stages:
            arguments, log = [stage, "--config", str(self.file), "--until-end"], self.folder / f"{stage}.log"
            if self.nursery is not None:
                self.running[stage] = self.nursery.start(arguments, log)
                continue
            with log.open("ab") as out:
                self.running[stage] = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, stdout=out, stderr=out)

    def start_roof(self) -> None:
        """All stages by one command, until it is told to end."""
        with (self.folder / "run.log").open("ab") as out:
            self.running["run"] = subprocess.Popen([sys.executable, "-c", PROGRAM, "run", str(self.file)], cwd=ROOT, stdout=out, stderr=out)

    def kill(self, stage: str) -> None:
        process = self.running[stage]
        assert process.poll() is None, f"{stage} was over before it could be killed\n{self.log(stage)}"
        process.send_signal(signal.SIGKILL)
        process.wait(STAGE_S_MAX)
        del self.running[stage]

    def end(self, stage: str, code: int = 0) -> None:
        self.running[stage].terminate()
        assert self.running[stage].wait(STAGE_S_MAX) == code, self.log(stage)
        del self.running[stage]

    def finish(self, *stages: str) -> None:
        for stage in stages:
            code = self.running[stage].wait(STAGE_S_MAX)
            assert code == 0, f"{stage} ended with {code}\n{self.log(stage)}"
            del self.running[stage]

    def log(self, stage: str) -> str:
        return self.said(stage)[-4000:]

    def said(self, stage: str) -> str:
        log = self.folder / f"{stage}.log"
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""  # a stage that is born opens it itself, in its own time

    def stop(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait(STAGE_S_MAX)

    def outcome(self) -> tuple[list[bytes], list[bytes]]:
        """Events and alerts as house rules have them: upserted by id and version, sorted."""
        found = []
        for name, read, order, newest in (
            ("risk.events", event_from_json, event_order, lambda e: (e.event_id, e.version)),
            ("risk.alerts", alert_from_json, alert_order, lambda a: (a.alert_id, a.revision)),
        ):
            values = [record.value for record in committed(self.kafka, name) if record.value]
            by_id: dict[Any, bytes] = {newest(read(value)): value for value in values}
            found.append(sorted(by_id.values(), key=lambda value, read=read, order=order: order(read(value))))
        return found[0], found[1]

    def said_twice(self) -> int:
        """Records of the track stage that a reader of committed records saw more than once."""
        values = [record.value for record in committed(self.kafka, "risk.events") if record.value and b"track" in dict(record.headers)["producer"]]
        return len(values) - len(set(values))


@pytest.fixture
def pipeline(tmp_path, kafka_bootstrap, kafka_prefix, nursery) -> Iterator[Callable[..., Pipeline]]:
    made: list[Pipeline] = []

    def make(sea: Path, *, from_nothing: bool = False, **settings: Any) -> Pipeline:
        made.append(Pipeline(tmp_path, kafka_bootstrap, kafka_prefix, sea, None if from_nothing else nursery, **settings))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + STAGE_S_MAX
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


def test_all_stages_under_one_roof_say_what_one_process_says(whole, pipeline, tmp_path):
    """`dogwatch run` with a [kafka] table, from nothing; one that dies is started again; alerts and positions reach the page."""
    sea, events, alerts = whole
    (tmp_path / "sea.nmea").write_bytes(sea)
    line = pipeline(tmp_path / "sea.nmea", from_nothing=True)
    line.start_roof()
    wait_until(lambda: "score: generation" in line.said("run"), "the score stage")
    os.kill(child_of(line.running["run"].pid, "score"), signal.SIGKILL)
    wait_until(lambda: answers(line.port), "the console's door")
    expected = {alert_from_json(text).alert_id for text in alerts}
    wait_until(lambda: shown(line) == expected, f"{len(expected)} alerts on the page")
    wait_until(lambda: line.outcome() == (events, alerts), "events and alerts of the embedded run")
    assert "score ended with code -9; started again (1)" in line.said("run")
    assert line.said_twice() == 0
    assert len(committed(line.kafka, "ais.fixes")) > 20, "the recording must have travelled in many pieces"
    assert committed(line.kafka, "ais.safety"), "distress has a topic of its own"
    beats = [record for record in committed(line.kafka, "risk.events") if not record.value]
    marks = [wire.from_headers(record.headers, wire.HEARTBEAT).watermark_ms for record in beats]
    assert marks == sorted(set(marks)), "the watermark only moves forward"

    assert len(fetch(line, "api/vessels.bin")) > 24, "the picture holds vessels"
    told = next(event for event in map(event_from_json, events) if event.type == "rendezvous" and event.state != "candidate")
    wait_until(lambda: told.event_id in fetch(line, f"api/vessels/{told.mmsi[0]}").decode(), "what was said of a vessel")
    assert "track: metrics at http://127.0.0.1:" in line.said("run")
    line.end("run", code=INTERRUPTED)


def child_of(pid: int, stage: str) -> int:
    """The process of a stage below the one that holds them all."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        if f"\0{stage}\0".encode() in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    raise AssertionError(f"no {stage} below {pid}")


def answers(port: int) -> bool:
    """Whether somebody listens there: a console that loads slowly may come after the others have ended."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def fetch(line: Pipeline, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{line.port}/{path}", timeout=5) as reply:
        return bytes(reply.read())


def shown(line: Pipeline) -> set[str]:
    """Ids of the alerts on the page."""
    rows = msgspec.json.decode(fetch(line, "api/alerts"))
    return {row["alert_id"] for row in (rows["alerts"] if isinstance(rows, dict) else rows)}


def test_track_and_score_killed_on_the_way_change_nothing(whole, pipeline, tmp_path):
    """Half of the recording stands in a pipe until both stages are known to be in the middle of it."""
    sea, events, alerts = whole
    pipe = tmp_path / "sea.fifo"
    os.mkfifo(pipe)
    half_is_said, go_on = threading.Event(), threading.Event()

    def write() -> None:
        with pipe.open("wb") as out:
            out.write(sea[: len(sea) // 2])
            out.flush()
            half_is_said.set()
            go_on.wait(STAGE_S_MAX)
            out.write(sea[len(sea) // 2 :])

    threading.Thread(target=write, daemon=True).start()
    line = pipeline(pipe)
    line.start("score", "track", "ingest")
    with reader_of(line.kafka, "risk.events") as seen:
        wait_until(lambda: any(wire.from_headers(r.headers, wire.HEARTBEAT, wire.EVENT).watermark_ms > T_MISSING for r in seen() if not r.value), "a heartbeat")
    assert half_is_said.is_set()
    line.kill("track")
    line.kill("score")
    go_on.set()
    line.start("track", "score")
    line.finish("ingest", "track", "score")
    assert "generation" in line.log("track")
    assert line.outcome() == (events, alerts)
    assert line.said_twice() == 0


def test_track_killed_without_a_snapshot_replays_muted_and_stopped_cleanly_replays_nothing(whole, pipeline, tmp_path):
    """Killed after it has committed output but never a snapshot: everything is stepped again, nothing is said again."""
    sea, events, alerts = whole
    (tmp_path / "sea.nmea").write_bytes(sea)
    line = pipeline(tmp_path / "sea.nmea", snapshot_s=3600, batch_rows=30)
    line.start("ingest")
    line.finish("ingest")
    with reader_of(line.kafka, "risk.events") as seen:
        line.start("track")
        wait_until(lambda: any(not record.value for record in seen()), "a heartbeat")
        line.kill("track")
        seen()
        line.start("track")
        wait_until(lambda: any(not record.value for record in seen()), "a heartbeat")
        line.end("track")
    line.start("track", "score")
    line.finish("track", "score")
    starts = re.findall(r"generation (\d+), (\d+) records replayed", line.log("track"))
    assert [generation for generation, _ in starts[:2]] == ["0", "0"]
    assert starts[2][0] in ("1", "2"), "the one that replayed leaves a snapshot after a second, if it lives so long, and one when it stops"
    assert int(starts[1][1]) > 0, "the killed one left no snapshot"
    assert int(starts[2][1]) == 0, "the stopped one left a snapshot at its last position"
    assert line.outcome() == (events, alerts)
    assert line.said_twice() == 0


def test_ingest_killed_in_the_middle_of_a_file_goes_on_there(whole, pipeline, tmp_path):
    sea, events, alerts = whole
    (tmp_path / "sea.nmea").write_bytes(sea)
    line = pipeline(tmp_path / "sea.nmea", batch_rows=100)
    line.start("ingest")
    with reader_of(line.kafka, "ais.fixes") as seen:
        wait_until(lambda: any(r.value for r in seen()), "columns")
        line.kill("ingest")
        ended = any(wire.from_headers(r.headers, wire.FIXES).end for r in seen())
    line.start("ingest", "track", "score")
    line.finish("ingest", "track", "score")
    assert not ended, "it must have been killed before the end of the file"
    assert line.outcome() == (events, alerts)
    rows = [wire.from_headers(r.headers, wire.FIXES).rows for r in committed(line.kafka, "ais.fixes")]
    assert sum(rows) == fixes_in(sea), "no row is lost, none comes twice"
    blocks = [read_block(r.value)[0] for r in committed(line.kafka, "ais.raw")]
    assert b"".join(piece.data for pieces in blocks for piece in pieces) == sea, "no byte either"


def fixes_in(sea: bytes) -> int:
    from runners.intake import Intake
    from runners.lane import Lane

    batch, _, _ = Intake([Lane("sea.nmea", lateness_ms=LATENESS_S * 1000)]).feed("sea.nmea", sea, None, final=True)
    return len(batch.fixes)
