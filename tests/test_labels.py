"""Dispositions become labels with one command, and a back-test reads them."""

from __future__ import annotations

import json

import msgspec
import pytest
from risk_world import make, run, shipped
from typer.testing import CliRunner

from console.decisions import Act, Decisions, Disposition
from console.life import DISPOSITIONS
from dogwatch.errors import InputError
from dogwatch.events import to_json
from runners.backtest import read_labels
from runners.backtest_cases import case_rows, give_verdicts
from runners.cli import app
from runners.labels import VERDICTS, labels_of

BORDER = shipped()
EVENTS = [make("dark", [mmsi], confidence=0.99, lat=-50.0 + mmsi) for mmsi in range(1, 8)]


@pytest.fixture
def data_dir(tmp_path):
    """A run's folder: seven alerts, of which five were closed, each with another code."""
    _, alerts = run(BORDER, EVENTS)
    (tmp_path / "alerts.ndjson").write_bytes(b"".join(to_json(alert) + b"\n" for alert in alerts))
    decisions = Decisions(tmp_path / "decisions.sqlite")
    for alert, code in zip(sorted(alerts, key=lambda alert: alert.mmsi), DISPOSITIONS):
        said = Disposition(code, "seen, =HYPERLINK(1)", "ann", "watch", 1, None, alert.level, 1, alerts[-1].alert_id if code == "duplicate" else "RCC")
        act = Act("dispose", "ann", "watch", 1, None)
        decisions.change(alert.alert_id, act, lambda before, said=said: msgspec.structs.replace(before, disposition=said), op_revision=0)
    decisions.close()
    return tmp_path


def test_every_finding_has_a_verdict_or_says_nothing():
    assert set(DISPOSITIONS) - set(VERDICTS) == {"duplicate"}


def test_one_command_makes_labels_that_a_back_test_reads(data_dir):
    done = CliRunner().invoke(app, ["labels", str(data_dir), "--out", str(data_dir / "labels.ndjson")])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in (data_dir / "labels.ndjson").read_text().splitlines()]
    expected = {number: VERDICTS[code] for number, code in enumerate(DISPOSITIONS, 1) if code in VERDICTS}
    assert {row["mmsi"][0]: row["verdict"] for row in rows} == expected
    cases = case_rows(BORDER, run(BORDER, EVENTS)[1], EVENTS)
    give_verdicts(cases, read_labels(data_dir / "labels.ndjson"), EVENTS, max(event.t_detected for event in EVENTS))
    assert {case.mmsi[0]: case.verdict for case in cases} == {mmsi: expected.get(mmsi, "unlabelled") for mmsi in range(1, 8)}


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        labels_of(tmp_path / "alerts.ndjson", tmp_path / "decisions.sqlite")
    (tmp_path / "alerts.ndjson").write_text("{}\n")
    with pytest.raises(InputError, match=r"alerts\.ndjson:1: no alert"):
        labels_of(tmp_path / "alerts.ndjson", tmp_path / "decisions.sqlite")
    (tmp_path / "alerts.ndjson").write_text("")
    with pytest.raises(InputError, match="no decisions at"):
        labels_of(tmp_path / "alerts.ndjson", tmp_path / "decisions.sqlite")
    assert not (tmp_path / "decisions.sqlite").exists()
