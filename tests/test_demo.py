"""The demo as a person meets it: the first alert within a minute, in a sentence; the page, its alerts, its metrics."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = [sys.executable, "-u", "-c", "from runners.cli import main; main()"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "300"}


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_page_serves_a_moving_picture_alerts_and_metrics(tmp_path, number):
    """Begun as a script begins a job in the background: with SIGINT ignored."""
    words = ["demo", "--port", "0", "--for", "50s", "--speed", "240", "--no-browser"]
    started = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *PROGRAM, *words]
    run = subprocess.Popen(started, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert run.stdout is not None
        first = run.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", first)
        assert found, first
        url = found.group()
        deadline = time.monotonic() + 45
        alerts = []
        while time.monotonic() < deadline and not alerts:
            time.sleep(0.5)
            alerts = json.loads(get(f"{url}/api/alerts"))["alerts"]
        assert alerts, "no alert reached the board"
        assert all(alert["exercise"] for alert in alerts)
        assert alerts[0]["headline"].startswith("EXERCISE")
        assert len(get(f"{url}/api/vessels.bin")) > 24 + 23 * 100
        metrics = get(f"{url}/metrics").decode()
        for name in (
            "dogwatch_ingest_lines_total",
            "dogwatch_ingest_messages_total",
            "dogwatch_fixes_total",
            "dogwatch_watermark_lag_seconds",
            "dogwatch_step_seconds_bucket",
        ):
            assert name in metrics
        assert b"<html" in get(f"{url}/").lower()
        run.send_signal(number)
        said, stderr = run.communicate(timeout=20)
        assert "Stopped." in said
        assert "Traceback" not in stderr
    finally:
        run.kill()
        run.wait()


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_help_is_help(words, tmp_path):
    done = subprocess.run([*PROGRAM, *words], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    assert "replay" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
