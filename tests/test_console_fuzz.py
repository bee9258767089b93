"""Whatever is sent to any route: an answer of the API, never a fault of ours. Routes and parameters are those of the description."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from console.guard import HEADERS
from console.openapi import document
from tests.console_harness import CENTRE, Harness, alert, batch, distress, fleet, names

WORDS = [
    "",
    "1",
    f"{1:032x}",
    f"{9:032x}",
    "episode",
    "zone_rule",
    "2026-01-01T00:00:00Z",
    "9999-99-99",
    "supervisor",
    "confirmed",
    "csv",
    "rules",
    "nan",
    "1e999",
    "-1",
]
ENDLESS = {"/events"}  # streams; they take a cursor only, which test_console_server.py tries
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(WORDS)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
TEXT = st.one_of(st.sampled_from(WORDS), st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.integers().map(str), st.floats().map(str))


@pytest.fixture(scope="module")
def served() -> Harness:
    served = Harness(vessels=0)
    rows = fleet(30)
    served.picture.update(batch(rows, names(rows)))
    served.board.publish(alert(1))
    served.board.publish(distress())
    served.board.health({"rescues": {"event9": "call"}, "rescue_places": {"event9": [*CENTRE, 9260.0]}})
    return served


def calls() -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of all that is described."""
    return [(method, path, told) for path, methods in document()["paths"].items() if path not in ENDLESS for method, told in methods.items()]


def filled(path: str, data: st.DataObject) -> str:
    """A path with something in each of its braces."""
    parts = [quote(data.draw(TEXT), safe="") if part.startswith("{") else part for part in path.replace(".{", "/.{").split("/")]
    return "/".join(parts).replace("/.", ".")


@pytest.mark.parametrize(("method", "path", "told"), calls(), ids=lambda value: value if isinstance(value, str) else "")
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_anything_is_answered(served: Harness, method: str, path: str, told: dict[str, Any], data: st.DataObject) -> None:
    known = data.draw(st.booleans())
    where = path.replace("{alert_id}", f"{1:032x}").replace("{mmsi}", "198100003").replace("{kind}", "rules") if known else path
    query = {one["name"]: data.draw(TEXT) for one in told.get("parameters", []) if one["in"] == "query" and data.draw(st.booleans())}
    headers = {"If-Match": data.draw(st.sampled_from(['"0"', "x", '"-1"', '"99999999999999999999"', "0"]))} if data.draw(st.booleans()) else {}
    fields = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {}).get("properties", {})
    likely = st.fixed_dictionaries({}, optional=dict.fromkeys(fields, JSON))
    body = data.draw(
        st.one_of(likely.map(lambda value: json.dumps(value).encode()), JSON.map(lambda value: json.dumps(value).encode()), st.binary(max_size=40))
    )
    content = {"content": body, "headers": {"Content-Type": "application/json", **headers}} if method == "post" else {"headers": headers}
    client = TestClient(served.app, client=(path, 50000))  # each route has its own ration of writes
    answer = client.request(method, "api/v1" + filled(where, data), params=query, **content)
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    assert all(answer.headers[name] == value for name, value in HEADERS.items())
    if answer.status_code >= 400 and answer.headers["content-type"] == "application/json":
        assert {"error", "remedy", "request_id"} <= set(answer.json())
