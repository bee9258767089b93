"""Labels out of what operators found: their dispositions, as rows that a back-test reads. May hold: which finding is which verdict, files.

May not: judge, score, change a decision. A duplicate is the same deed told twice and no label; an alert that nobody closed is none either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from console.decisions import Decisions
from dogwatch.alerts import Alert, alert_from_json
from dogwatch.errors import InputError
from dogwatch.times import iso
from runners.rules import read_text

VERDICTS = {"confirmed": "right", "referred": "right", "false_positive": "wrong", "benign_known": "wrong"}  # known and harmless: nobody wants to be told again


def labels_of(alerts: Path, where: Path | str) -> list[dict[str, Any]]:
    """One row for each alert of an alerts.ndjson that was closed with a verdict. `where`: the file or postgresql:// address of the decisions.

    Raises InputError for files that are not there or not what they should be.
    """
    newest: dict[str, Alert] = {}
    for number, line in enumerate(read_text(alerts, what="alerts").splitlines(), 1):
        try:
            alert = alert_from_json(line.encode())
        except (msgspec.MsgspecError, ValueError) as fault:
            raise InputError(f"{alerts}:{number}: no alert: {fault}", remedy="name the alerts.ndjson of a run") from fault
        if alert.kind == "risk" and (alert.alert_id not in newest or alert.revision > newest[alert.alert_id].revision):
            newest[alert.alert_id] = alert
    if isinstance(where, Path) and not where.is_file():
        raise InputError(f"no decisions at {where}", remedy="name the file or the postgresql:// address with --decisions")
    decisions = Decisions(where)
    try:
        found = [(alert, decisions.get(name).disposition) for name, alert in sorted(newest.items())]
    finally:
        decisions.close()
    return [
        {
            "verdict": VERDICTS[disposition.code],
            "alert_id": alert.alert_id,
            "mmsi": alert.mmsi,
            "t_start": iso(alert.t_first),
            "t_end": iso(alert.t_last),
            "reason": disposition.reason,
        }
        for alert, disposition in found
        if disposition is not None and disposition.code in VERDICTS
    ]
