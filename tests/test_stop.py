"""A real process is told to stop in the middle of its work: everything that it had accepted is in its output."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from tests.decode_inputs import one, position

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = [sys.executable, "-u", "-c", "from runners.cli import main; main()"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "300"}
TIMES = 600


def flood() -> bytes:
    """Positions of a thousand vessels, again and again; the last line of all is a beacon."""
    ships = b"".join(one(position(257_000_000 + n, lat=30_000_000 + 600 * n)) + b"\r\n" for n in range(1_000))
    beacon = position(970_123_456, nav=14, sog=0)
    return ships * TIMES + one(beacon) + b"\r\n"


def metric(port: int, name: str) -> float:
    """Value of a metric of the only source; -1 while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            found = re.search(rf'^{name}{{source="mast"}} (\S+)', answer.read().decode(), re.MULTILINE)
    except OSError:
        return -1.0
    return float(found.group(1)) if found else -1.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_everything_accepted_before_the_signal_is_in_the_output(number, tmp_path):
    data = flood()
    listener = socket.create_server(("127.0.0.1", 0))
    with socket.create_server(("127.0.0.1", 0)) as free:
        metrics_port = free.getsockname()[1]
    config = tmp_path / "c.toml"
    source = f'[[sources]]\nid = "mast"\nkind = "tcp"\nport = {listener.getsockname()[1]}\nexercise = true\n'
    config.write_text(f'data_dir = "{tmp_path}/data"\n{source}[console]\nenabled = false\n[metrics]\nport = {metrics_port}\n')

    def serve():
        peer, _ = listener.accept()
        with peer:
            peer.sendall(data)
            over.wait(120)

    over = threading.Event()
    threading.Thread(target=serve, daemon=True).start()
    run = subprocess.Popen([*PROGRAM, "run", str(config)], env=ENVIRONMENT, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until_s = time.monotonic() + 100
        while metric(metrics_port, "dogwatch_ingest_bytes_total") < len(data):
            assert time.monotonic() < until_s, "the flood was not accepted in time"
            assert run.poll() is None, run.communicate()
        waiting = metric(metrics_port, "dogwatch_ingest_queue_bytes")
        run.send_signal(number)
        stdout, stderr = run.communicate(timeout=100)
    finally:
        over.set()
        run.kill()
        listener.close()
    assert waiting > 0, "nothing was left to do when the signal came: the test proves nothing, make TIMES larger"
    assert run.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert f"{1_000 * TIMES + 1:,} lines, {1_000 * TIMES + 1:,} messages" in stdout
    alerts = [json.loads(row) for row in (tmp_path / "data" / "alerts.ndjson").read_text().splitlines()]
    assert [alert["level"] for alert in alerts if alert["mmsi"] == [970_123_456]], "the last line that was accepted is an alert"
