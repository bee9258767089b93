"""What a stage says of itself over HTTP and in its log."""

from __future__ import annotations

import json
import logging
import sys
import urllib.error
import urllib.request

from runners.health import ALIVE_S, Health, serve
from runners.logs import JsonLines
from runners.metrics import Metrics


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_alive_and_ready_are_two_things():
    clock = Clock()
    health = Health(clock)
    assert (health.alive, health.ready) == (True, False), "it starts"
    health.say()
    assert (health.alive, health.ready) == (True, True)
    clock.now_s += ALIVE_S + 1
    assert (health.alive, health.ready) == (False, False), "stuck"
    health.beat()
    assert health.ready
    health.say("the broker does not answer")
    clock.now_s += 10 * ALIVE_S
    assert (health.alive, health.ready) == (True, False), "to wait for something outside is not to be stuck"


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


def test_the_three_pages():
    metrics = Metrics()
    port = serve(metrics.health, metrics.registry, "127.0.0.1", 0)
    assert ask(port, "/ready") == (503, "starting\n")
    assert ask(port, "/health") == (200, "starting\n")
    metrics.health.say()
    assert ask(port, "/ready") == (200, "ok\n")
    assert "dogwatch_vessels 0.0" in ask(port, "/metrics")[1]
    assert ask(port, "/else")[0] == 404


def test_a_json_line_is_one_line_and_holds_the_fault():
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord("dogwatch.kafka", logging.ERROR, __file__, 1, "it %s", ("broke",), sys.exc_info())
    line = JsonLines("track").format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["level"], told["stage"], told["message"]) == ("ERROR", "track", "it broke")
    assert "ValueError: two\nlines" in told["fault"]
    assert told["t"].endswith("Z")
