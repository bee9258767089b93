"""Live over TCP: the same alerts as a replay of the same bytes, and a stop that loses nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

from seas import recording

from dogwatch.alerts import alert_from_json
from runners.replay import Options, replay
from runners.rules import read_rules

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = [sys.executable, "-u", "-c", "from runners.cli import main; main()"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "300"}


def headlines(path: Path) -> set[str]:
    return {alert_from_json(line).headline for line in path.read_bytes().splitlines()}


def test_a_feed_over_tcp_raises_what_a_replay_raises(tmp_path):
    data = recording()
    sea = tmp_path / "sea.nmea"
    sea.write_bytes(data)
    replay([sea], read_rules("border", []), Options(tmp_path / "replayed", lateness_s=5.0))
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def serve() -> None:
        peer, _ = listener.accept()
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        gone.wait(60)
        peer.close()

    gone = threading.Event()
    threading.Thread(target=serve, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0)) as free:
        metrics_port = free.getsockname()[1]
    config = tmp_path / "live.toml"
    source = f'[[sources]]\nid = "receiver"\nkind = "tcp"\nport = {port}\nexercise = true\n'
    config.write_text(f'data_dir = "{tmp_path}/live"\n{source}[console]\nenabled = false\n[metrics]\nport = {metrics_port}\n')
    run = subprocess.Popen([*PROGRAM, "run", str(config)], env=ENVIRONMENT, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wanted = headlines(tmp_path / "replayed" / "alerts.ndjson")
        assert len(wanted) >= 3
        assert run.stdout is not None
        shown = [run.stdout.readline() for _ in range(3)]
        assert all(shown), "fewer than three alerts were printed"
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
        threading.Timer(6.0, run.terminate).start()
        _, stderr = run.communicate(timeout=60)
    finally:
        gone.set()
        run.kill()
        listener.close()
    assert "Traceback" not in stderr
    assert run.returncode == 130, stderr
    assert 'dogwatch_source_up{source="receiver"} 1.0' in metrics
    assert 'dogwatch_ingest_lines_total{kind="decoded",source="receiver"}' in metrics
    live = headlines(tmp_path / "live" / "alerts.ndjson")
    assert live
    assert live <= wanted  # the last seconds stay in the reorder buffer of a feed that has not ended
    assert len(wanted - live) <= len(wanted) // 4
