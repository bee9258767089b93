"""The watch log as a whole: the first broken entry is named, whatever was done; backups and purges leave a chain that verifies."""

from __future__ import annotations

import csv
import json
import sqlite3
import stat
import subprocess
from pathlib import Path

import pytest
from commands import dogwatch
from hypothesis import given, settings
from hypothesis import strategies as st

from console.audit import DAY_MS, backup, export_lines, purge
from console.chain import LOG_NAMES, entry_hash, verify
from console.decisions import Act, Decisions, Shelf
from dogwatch.errors import InputError
from tests.console_harness import T0

ROOT = Path(__file__).resolve().parent.parent


def filled(where: Path | None, n: int, *, day_ms: int = DAY_MS) -> Decisions:
    """n entries, one a day."""
    decisions = Decisions(where)
    for i in range(n):
        decisions.ack(f"a{i}", by="Ana", seen_revision=1, level="alarm", op_revision=0, wall_ms=T0 + i * day_ms, event_ms=T0 + i * day_ms)
    return decisions


def forced(decisions: Decisions, sql: str) -> None:
    """What somebody with the file in hand can do."""
    for name in ("log_keeps", "log_stays"):
        decisions.store.run(f"DROP TRIGGER IF EXISTS {name}")
    decisions.store.run(sql)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 9),
    st.sampled_from(
        [
            "user='Eve'",
            "wall_ms=wall_ms+1",
            "event_ms=NULL",
            "role='supervisor'",
            "state_to='open'",
            "reason='x'",
            "alert_id='b'",
            "hash='00'",
            "prev_hash='00'",
        ]
    ),
)
def test_any_change_names_the_first_entry_that_was_touched(number: int, change: str) -> None:
    decisions = filled(None, 9)
    forced(decisions, f"UPDATE log SET {change} WHERE seq >= {number}")
    assert verify(decisions.store).broken == number
    assert decisions.verify() == number


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9))
def test_entries_taken_out_are_missed(first: int, last: int) -> None:
    decisions = filled(None, 9)
    head = verify(decisions.store)
    forced(decisions, f"DELETE FROM log WHERE seq BETWEEN {min(first, last)} AND {max(first, last)}")
    found = verify(decisions.store, head=(head.last, head.head))
    assert found.broken == min(first, last)
    assert f"entries {min(first, last)} to {max(first, last)} are missing" in found.why


def test_a_log_written_anew_does_not_have_the_head_that_was_kept() -> None:
    decisions = filled(None, 5)
    head = verify(decisions.store)
    forced(decisions, "UPDATE log SET user='Eve' WHERE seq=3")
    previous = ""
    for row in decisions.log():  # whoever can write can also hash
        values = {**row, "prev_hash": previous}
        previous = entry_hash(tuple(values[name] for name in LOG_NAMES))
        decisions.store.run("UPDATE log SET prev_hash=?, hash=? WHERE seq=?", (values["prev_hash"], previous, row["seq"]))
    assert verify(decisions.store).broken == 0
    assert verify(decisions.store, head=(head.last, head.head)).broken == 5


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 70), st.integers(0, 70))
def test_a_purge_leaves_what_is_younger_and_a_chain_that_verifies(days: int, again: int) -> None:
    decisions = filled(None, 40)
    now_ms = T0 + 60 * DAY_MS
    kept = purge(decisions, now_ms=now_ms, by="root", log_days=30 + days % 31, load_days=None)
    old = [i for i in range(40) if T0 + i * DAY_MS < now_ms - (30 + days % 31) * DAY_MS]
    assert (kept["log"], kept["decisions"]) == (len(old), len(old))
    assert [row["alert_id"] for row in decisions.log() if row["action"] == "ack"] == [f"a{i}" for i in range(40) if i not in old]
    assert verify(decisions.store).broken == 0
    decisions.ack("late", by="Ben", seen_revision=1, level="alarm", op_revision=0, wall_ms=now_ms, event_ms=now_ms)
    purge(decisions, now_ms=now_ms + again * DAY_MS, by="root", log_days=30, load_days=None)
    assert verify(decisions.store).broken == 0
    with pytest.raises(Exception, match="append-only"):
        decisions.store.run("DELETE FROM log")
    first = decisions.log()[0]["seq"]
    if len(decisions.log()) > 1:
        forced(decisions, f"DELETE FROM log WHERE seq = {first}")
        assert verify(decisions.store).broken > 0, "what others take away at the beginning is missed"


def test_everything_older_may_go_and_what_a_dry_run_says_is_what_goes() -> None:
    decisions = filled(None, 3)
    decisions.raised([])
    decisions.store.run("INSERT INTO raised VALUES ('a0', ?, 'alarm', 'dark', 1), ('a9', ?, 'alarm', 'dark', 1)", (T0, T0 + 99 * DAY_MS))
    decisions.change(
        "a1",
        Act("shelve", "Ana", "analyst", T0, T0),
        lambda before: before,
        op_revision=None,
        scope="s",
        shelf=Shelf(T0, "vessel_rule", "r", "Ana", "analyst", T0, T0, "alarm"),
    )
    told = purge(decisions, now_ms=T0 + 100 * DAY_MS, by="root", log_days=40, load_days=40, dry=True)
    assert len(decisions.log()) == 4
    assert purge(decisions, now_ms=T0 + 100 * DAY_MS, by="root", log_days=40, load_days=40) == told
    assert told == {"log": 4, "decisions": 3, "shelves": 1, "watches": 0, "raised": 1}
    assert [row["action"] for row in decisions.log()] == ["purge"]
    assert verify(decisions.store).broken == 0
    with pytest.raises(InputError, match="too few"):
        purge(decisions, now_ms=T0, by="root", log_days=3, load_days=None)


def test_a_backup_is_whole_private_and_never_written_over(tmp_path: Path) -> None:
    decisions = filled(tmp_path / "d.sqlite", 4)
    out = tmp_path / "b" / "copy.sqlite"
    assert backup(decisions.store, out).last == 4
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    decisions.ack("later", by="Ana", seen_revision=1, level="alarm", op_revision=0, wall_ms=T0, event_ms=T0)
    restored = Decisions(out)
    assert restored.get("a3").ack is not None
    assert len(restored.log()) == 4
    with pytest.raises(InputError, match="there already"):
        backup(decisions.store, out)


def test_an_export_has_every_entry_and_no_formula() -> None:
    decisions = filled(None, 2)
    decisions.change("a0", Act("note", "=HYPERLINK(1)", "analyst", T0, T0, reason="@SUM(1)", note="note"), lambda before: before, op_revision=None)
    rows = list(csv.DictReader("".join(export_lines(decisions.store, "csv")).splitlines()))
    assert [row["seq"] for row in rows] == ["1", "2", "3"]
    assert (rows[2]["user"], rows[2]["reason"]) == ("'=HYPERLINK(1)", "'@SUM(1)")
    told = [json.loads(line) for line in export_lines(decisions.store, "ndjson")]
    assert told[2]["user"] == "=HYPERLINK(1)"
    assert all(entry_hash(tuple(row[name] for name in LOG_NAMES)) == row["hash"] for row in told), "a reader can check the chain"
    assert told[0]["wall_time"] == "2026-01-01T00:00:00.000Z"


def run(*words: str, database: Path) -> subprocess.CompletedProcess[str]:
    return dogwatch("audit", *words, "--database", str(database), cwd=database.parent)


def test_the_command_names_the_first_broken_entry(tmp_path: Path) -> None:
    file = tmp_path / "d.sqlite"
    assert run("verify", database=file).returncode == 2
    filled(file, 4).close()
    whole = run("verify", database=file)
    assert (whole.returncode, whole.stdout.startswith("The watch log is whole: 4 entries, 1 to 4. Head: 4:")) == (0, True), whole.stderr
    raw = sqlite3.connect(file)
    raw.execute("DROP TRIGGER log_keeps")
    raw.execute("UPDATE log SET user='Eve' WHERE seq=3")
    raw.commit()
    raw.close()
    broken = run("verify", database=file)
    assert broken.returncode == 1
    assert "broken at entry 3: its content is not what its hash was made of. There stands: 2026-01-03T00:00:00.000Z Eve (watchstander) ack a2" in broken.stdout
    told = json.loads(run("verify", "--json", database=file).stdout)
    assert (told["broken"], told["entry"]["user"]) == (3, "Eve")
    refused = run("purge", "--log-days", "30", database=file)
    assert (refused.returncode, "the log is broken" in refused.stderr) == (2, True)
