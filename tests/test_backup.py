"""Backup and restore as docs/operations.md says it: what was decided and what was known is there afterwards, and work goes on where it stood."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from kafka_sums import EXPECTED, Sums, fill, limit, outcome
from test_kafka_backlog import broker  # noqa: F401 - a fixture
from test_live_crash import begun, journal_of, pieces, rules, settings  # noqa: F401 - fixtures among them

from console.decisions import Decisions
from dogwatch.config import Kafka
from dogwatch.events import to_json
from runners.broker import Broker
from runners.engine import Engine
from runners.intake import lanes_of
from runners.kafka_topics import init_topics
from runners.kafka_worker import Worker, run_worker

COMMAND_S_MAX = 60
OPERATIONS = (Path(__file__).parent.parent / "docs" / "operations.md").read_text(encoding="utf-8")


def decide(decisions: Decisions, alert_id: str) -> None:
    decisions.ack(alert_id, by="ida", seen_revision=1, level="alarm", op_revision=0, wall_ms=1_000, event_ms=900)


def test_a_copied_data_folder_is_the_run_as_it_was(pieces, rules, tmp_path):  # noqa: F811
    """Copied with the process stopped; what was heard after it is lost with the disk, and told as "system down"."""
    assert "Back up `data_dir` with the process stopped" in OPERATIONS
    data, copy, third = tmp_path / "data", tmp_path / "copy", len(pieces) // 3
    twin = Engine(rules, lanes_of(settings(data)))
    told = []
    engine, journal = begun(data, rules)
    decide(Decisions(data / "decisions.sqlite"), "first")
    for piece in pieces[:third]:
        journal.append(engine.take(journal.take([piece])[0]))
        told.append(twin.take(piece))
    journal.save()
    shutil.copytree(data, copy)

    for piece in pieces[third : third + 20]:
        journal.append(engine.take(journal.take([piece])[0]))
    decide(Decisions(data / "decisions.sqlite"), "after the copy")
    shutil.rmtree(data)

    shutil.copytree(copy, data)
    engine, journal = begun(data, rules)
    told.append(twin.resume())
    for piece in pieces[third + 20 :]:
        journal.append(engine.take(journal.take([piece])[0]))
        told.append(twin.take(piece))
    expected = [b"".join(to_json(event) + b"\n" for output in told for event in output.all_events())]
    expected += [b"".join(to_json(alert) + b"\n" for output in told for alert in output.all_alerts())]
    assert journal_of(data) == expected
    assert expected[0].count(b"\n") > 5, "there must be something to lose"
    decisions = Decisions(data / "decisions.sqlite")
    assert decisions.get("first").ack is not None
    assert decisions.get("after the copy").ack is None
    assert decisions.verify() is None


def test_decisions_are_copied_while_they_are_written(tmp_path):
    command = 'sqlite3 decisions.sqlite ".backup copy.sqlite"'
    assert command in OPERATIONS
    decisions = Decisions(tmp_path / "decisions.sqlite")
    decide(decisions, "first")
    if shutil.which("sqlite3"):
        subprocess.run(command, shell=True, cwd=tmp_path, check=True, timeout=COMMAND_S_MAX)
    else:  # the same of the library
        with sqlite3.connect(tmp_path / "decisions.sqlite") as source, sqlite3.connect(tmp_path / "copy.sqlite") as target:
            source.backup(target)
    decide(decisions, "second")
    copy = Decisions(tmp_path / "copy.sqlite")
    assert (copy.get("first").ack, copy.get("second").ack) == (decisions.get("first").ack, None)
    assert copy.verify() is None
    decide(copy, "second")
    assert copy.verify() is None, "the chain of its log goes on"


def test_decisions_in_postgresql_are_dumped_and_restored(postgres, postgres_url, tmp_path):
    import psycopg

    assert "`pg_dump`" in OPERATIONS
    assert "`psql --single-transaction --file decisions.sql`" in OPERATIONS
    decisions = Decisions(postgres_url)
    decide(decisions, "first")
    decide(decisions, "second")
    dump = tmp_path / "decisions.sql"
    with dump.open("wb") as out:
        subprocess.run([postgres.bin / "pg_dump", postgres_url], stdout=out, check=True, timeout=COMMAND_S_MAX)
    decide(decisions, "after the dump")
    with psycopg.connect(postgres.url(), autocommit=True) as db:
        db.execute("CREATE DATABASE restored")
    restored = postgres.url("restored")
    psql = [postgres.bin / "psql", "-v", "ON_ERROR_STOP=1", "--quiet", "--single-transaction", "--file", dump, restored]
    subprocess.run(psql, stdout=subprocess.DEVNULL, check=True, timeout=COMMAND_S_MAX)
    again = Decisions(restored)
    assert [again.get(name).ack for name in ("first", "second")] == [decisions.get(name).ack for name in ("first", "second")]
    assert again.get("after the dump").ack is None
    assert again.verify() is None
    decide(again, "third")
    assert again.verify() is None, "the chain of its log goes on"
    with psycopg.connect(restored, autocommit=True) as raw, pytest.raises(psycopg.Error):
        raw.execute("DELETE FROM log")


@pytest.mark.kafka
def test_a_copied_volume_of_the_broker_holds_state_offsets_and_answers_together(broker, tmp_path):  # noqa: F811
    """Restored as a whole a stage goes on from its snapshot: nothing is lost of what the copy held, nothing comes twice."""
    assert "the volume of the broker\nwhile it is stopped" in OPERATIONS
    kafka = Kafka(bootstrap=broker.bootstrap, snapshot_s=0.0)
    init_topics(kafka)
    fill(kafka)
    worker = Worker(kafka, Sums(kafka), "before")
    worker.take_place()
    worker.recover(limit())
    for _ in range(5):
        worker._transact(worker._answers(worker.consumer.poll(timeout_ms=5000, max_records=20)))
    generation = worker.generation
    worker.shut()
    told = outcome(kafka)
    assert 0 < len(told) < len(EXPECTED)
    broker.stop()
    shutil.copytree(broker.folder, tmp_path / "copy")

    broker.start()
    run_worker(kafka, lambda: Sums(kafka), limit(), until_end=True)
    assert outcome(kafka) == EXPECTED
    broker.stop()
    shutil.rmtree(broker.folder)

    os.rename(tmp_path / "copy", broker.folder)
    again = Broker.at(broker.folder)
    again.start()
    try:
        assert outcome(kafka) == told
        worker = Worker(kafka, Sums(kafka), "after")
        worker.take_place()
        worker.recover(limit())
        assert worker.generation == generation > 0
        worker.run(limit(), until_end=True)
        worker.shut()
        assert outcome(kafka) == EXPECTED
    finally:
        again.stop()
