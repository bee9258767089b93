"""Webhooks against a local server: signed, tried again, given up, in the right order, and about no person."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from console.outbox import Outbox
from console.webhooks import TRIES_MAX, Hook, Webhooks, signature
from dogwatch.config import Webhook
from dogwatch.errors import InputError
from runners.desk import Desk
from runners.engine import Engine
from runners.lane import Lane
from runners.rules import read_rules
from tests.console_harness import alert, distress

SECRET = b"a secret of the test"


class Receiver(ThreadingHTTPServer):
    """Remembers what came; answers with `answers`, then 200. `hold` keeps the first answer back."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.hold = threading.Event()
        self.hold.set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.came.append((dict(self.headers), body))
        self.server.hold.wait(10)
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("location", "/elsewhere")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.hold.set()
    one.shutdown()
    one.server_close()


def settled(hooks: Webhooks, **wanted: int) -> dict[str, int]:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        counts = hooks.counts()["room"]
        if all(counts[name] == value for name, value in wanted.items()):
            return counts
        time.sleep(0.02)
    raise AssertionError(hooks.counts())


def made(receiver: Receiver, **more: Any) -> Webhooks:
    return Webhooks([Hook("room", receiver.url, SECRET)], backoff_s=0.01, **more)


def test_an_alert_is_sent_signed_once_for_each_state_and_names_nobody(receiver: Receiver) -> None:
    hooks = made(receiver)
    hooks.publish(alert(1))
    hooks.publish(alert(1, revision=2))
    hooks.publish(alert(2, level="caution"))
    hooks.publish(alert(1, revision=3, level="alarm"))
    settled(hooks, sent=2, waiting=0)
    bodies = [json.loads(body) for _, body in receiver.came]
    assert [(one["revision"], one["level"]) for one in bodies] == [(1, "warning"), (3, "alarm")]
    for headers, body in receiver.came:
        assert headers["X-Dogwatch-Signature"] == signature(SECRET, int(headers["X-Dogwatch-Timestamp"]), body)
        assert signature(b"another", int(headers["X-Dogwatch-Timestamp"]), body) != headers["X-Dogwatch-Signature"]
        assert b"TEST SHIP" not in body
    assert not {"ack", "owner", "disposition", "shelf", "subjects", "headline"} & set(bodies[0])
    assert bodies[0]["exercise"] is True
    assert bodies[0]["what"].startswith("EXERCISE: ")
    hooks.close()


def test_a_failure_is_tried_again_and_given_up_in_the_end(receiver: Receiver) -> None:
    receiver.answers = [503, 429, 200]
    hooks = made(receiver)
    hooks.publish(alert(1))
    assert settled(hooks, sent=1)["failed"] == 2
    assert len({headers["X-Dogwatch-Delivery"] for headers, _ in receiver.came}) == 1
    receiver.answers = [500] * TRIES_MAX
    hooks.publish(alert(2))
    settled(hooks, dead=1, failed=2 + TRIES_MAX)
    receiver.answers = [404, 302]
    hooks.publish(alert(3))
    hooks.publish(alert(4))
    settled(hooks, dead=3, failed=4 + TRIES_MAX, sent=1)
    assert len(receiver.came) == 3 + TRIES_MAX + 2, "neither is tried again, and nothing goes elsewhere"
    hooks.close()


def test_distress_goes_first_and_a_full_queue_drops_the_oldest_of_the_rest(receiver: Receiver) -> None:
    receiver.hold.clear()
    hooks = made(receiver, queue_max=3)
    hooks.publish(alert(1))
    settled(hooks, waiting=0)
    for number in (2, 3, 4, 5):
        hooks.publish(alert(number))
    hooks.publish(distress(9))
    assert hooks.counts()["room"]["dropped"] == 2
    receiver.hold.set()
    settled(hooks, sent=4)
    bodies = [json.loads(body) for _, body in receiver.came]
    assert [int(one["alert_id"], 16) for one in bodies] == [1, 9, 4, 5]
    assert [one["distress"] for one in bodies] == [False, True, False, False]
    hooks.close()


def test_the_desk_sends_what_it_shows_but_nothing_about_who_is_protected(receiver: Receiver, tmp_path: Path) -> None:
    desk = Desk(Engine(read_rules("border", []), [Lane("sea", lateness_ms=5_000)]))
    desk.open_page(host="127.0.0.1", port=0, database=None, info={}, protected=frozenset({198_100_007}))
    (tmp_path / "secret").write_text("line\n")
    desk.call_out([Webhook("room", receiver.url, str(tmp_path / "secret"))])
    desk.tell([alert(1), alert(2, mmsi=198_100_007), distress(9)])
    settled(desk.webhooks, sent=2, waiting=0)
    assert sorted(int(json.loads(body)["alert_id"], 16) for _, body in receiver.came) == [1, 9]
    desk.close()
    (tmp_path / "secret").write_text("")
    with pytest.raises(InputError, match="is empty"):
        desk.call_out([Webhook("room", receiver.url, str(tmp_path / "secret"))])


def test_nobody_there_costs_the_caller_nothing() -> None:
    hooks = Webhooks([Hook("room", "http://127.0.0.1:9/", SECRET)], backoff_s=0.001)
    begun = time.monotonic()
    hooks.publish(alert(1))
    assert time.monotonic() - begun < 5
    settled(hooks, dead=1, failed=TRIES_MAX)
    hooks.close()


DEAD_PORT = "http://127.0.0.1:9/"
KILLED = """
import sys
from pathlib import Path
from console.outbox import Outbox
from console.webhooks import Hook, Webhooks
from tests.console_harness import alert, distress
hooks = Webhooks([Hook("room", sys.argv[1], b"secret")], outbox=Outbox(Path(sys.argv[2])), backoff_s=60)
for number in (1, 2, 3):
    hooks.publish(alert(number))
hooks.publish(distress(9))
print("published", flush=True)
import time
time.sleep(60)
"""


def test_what_no_address_has_taken_survives_kill_9_and_is_sent_after_the_next_start_distress_first(receiver: Receiver, tmp_path: Path) -> None:
    box = tmp_path / "webhooks.sqlite"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen([sys.executable, "-c", KILLED, DEAD_PORT, str(box)], stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout is not None
    assert child.stdout.readline() == "published\n"
    child.send_signal(signal.SIGKILL)
    child.wait(20)
    hooks = made(receiver, outbox=Outbox(box))
    settled(hooks, sent=4, waiting=0)
    hooks.close()
    assert [int(json.loads(body)["alert_id"], 16) for _, body in receiver.came] == [9, 1, 2, 3]
    again = made(receiver, outbox=Outbox(box))
    assert again.counts()["room"]["waiting"] == 0, "what was sent is gone from the disk"
    again.close()


def test_a_stop_in_the_middle_of_the_tries_keeps_the_message_and_giving_up_or_dropping_forgets_it(receiver: Receiver, tmp_path: Path) -> None:
    box = tmp_path / "webhooks.sqlite"
    hooks = Webhooks([Hook("room", DEAD_PORT, SECRET)], outbox=Outbox(box), backoff_s=60)
    hooks.publish(alert(1))
    settled(hooks, failed=1)
    hooks.close()
    assert hooks.counts()["room"]["dead"] == 0
    kept = Outbox(box)
    assert [delivery for _, delivery, _ in kept.waiting("room")] == [f"{1:032x}:1"]
    kept.close()
    receiver.answers = [404]
    hooks = made(receiver, outbox=Outbox(box))
    settled(hooks, dead=1)
    receiver.hold.clear()
    for number in range(2, 1_004):
        hooks.publish(alert(number))
    settled(hooks, dropped=1)
    hooks.close()
    kept = Outbox(box)
    deliveries = [delivery for _, delivery, _ in kept.waiting("room")]
    assert (len(deliveries), f"{1:032x}:1" in deliveries) == (1_001, False), "the queue, and the one that was being sent"
    assert kept.waiting("another") == []
    kept.keep_only(["another"])
    assert kept.waiting("room") == []
    kept.close()


def test_a_disk_that_refuses_costs_no_message_and_a_file_of_others_is_named(receiver: Receiver, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "webhooks.sqlite")
    hooks = made(receiver, outbox=outbox)
    outbox.close()
    hooks.publish(alert(1))
    settled(hooks, sent=1)
    assert outbox.unsaved > 0
    hooks.close()
    (tmp_path / "other").write_bytes(b"this is no database at all, but a page of words " * 50)
    with pytest.raises(InputError, match="cannot be read"):
        Outbox(tmp_path / "other")


def test_what_became_of_the_messages_is_a_metric(receiver: Receiver, tmp_path: Path) -> None:
    desk = Desk(Engine(read_rules("border", []), [Lane("sea", lateness_ms=5_000)]))
    desk.open_page(host="127.0.0.1", port=0, database=None, info={})
    (tmp_path / "secret").write_text("line\n")
    desk.call_out([Webhook("room", receiver.url, str(tmp_path / "secret"))], tmp_path / "webhooks.sqlite")
    desk.tell([alert(1)])
    settled(desk.webhooks, sent=1, waiting=0)
    text = desk.metrics.text().decode()
    assert 'dogwatch_webhook_messages_total{hook="room",outcome="sent"} 1.0' in text
    assert 'dogwatch_webhook_messages_total{hook="room",outcome="dead"} 0.0' in text
    assert 'dogwatch_webhook_waiting{hook="room"} 0.0' in text
    desk.close()
