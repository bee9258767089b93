"""Versions of rules and zones: four eyes, no activation without a back-test, and the journal that keeps them. Over the API with a bench of the test's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.editing import Editor
from console.life import RefusedError
from console.picture import Picture
from console.versions import Versions, text_hash
from dogwatch.errors import InputError


class FakeBench:
    """Takes any text without the word "wrong"; a back-test is done at once."""

    def __init__(self) -> None:
        self.recordings = ["day.nmea"]
        self.tests: dict[str, dict[str, Any]] = {}

    def check(self, kind: str, text: str) -> dict[str, Any]:
        line = next((number for number, row in enumerate(text.splitlines(), 1) if "wrong" in row), 0)
        return {
            "ok": not line,
            "faults": [{"line": line, "key": "", "what": "wrong", "remedy": "write it right"}] if line else [],
            "notes": [],
            "explained": [],
        }

    def start(self, kind: str, text: str, before: str, keep: set[str]) -> str:
        test = f"t{len(self.tests)}"
        self.tests[test] = {"test": test, "kind": kind, "state": "done", "share": 1.0, "hash": text_hash(text), "base": text_hash(before)}
        return test

    def progress(self, test: str) -> dict[str, Any] | None:
        return self.tests.get(test)

    def report(self, test: str) -> bytes | None:
        return b"<!doctype html>" if test in self.tests else None

    def cancel(self, test: str) -> None:
        self.tests[test]["state"] = "cancelled"


@pytest.fixture
def desk(tmp_path: Path) -> tuple[TestClient, FakeBench, Versions]:
    bench, versions = FakeBench(), Versions(tmp_path, "rules", "first")
    editor = Editor(bench, {"rules": versions}, {"rules": versions.active().hash})
    return TestClient(create_app(Board(), Picture(), Decisions(None), editor=editor)), bench, versions


def post(client: TestClient, step: str, seen: int | None = 0, **body: Any) -> Any:
    headers = {} if seen is None else {"If-Match": f'"{seen}"'}
    return client.post(f"/api/v1/versions/rules/{step}", json=body, headers=headers)


ANA = {"by": "Ana", "role": "analyst", "reason": "quieter at night"}
BEN = {"by": "Ben", "role": "supervisor", "reason": "looked at all changes"}


def test_a_rule_goes_from_a_text_to_being_in_force_and_back(desk: tuple[TestClient, FakeBench, Versions]) -> None:
    client, _, versions = desk
    assert post(client, "check", text="ok\nwrong").json()["faults"][0]["line"] == 2
    test = post(client, "test", text="second", **ANA).json()["test"]
    assert client.get(f"/api/v1/versions/rules/tests/{test}").json()["state"] == "done"
    assert "attachment" in client.get(f"/api/v1/versions/rules/tests/{test}/report").headers["content-disposition"]
    assert post(client, "propose", text="second", test=test, **ANA).json()["state"] == "proposed"
    assert versions.active_text() is None, "a proposal changes nothing"
    assert post(client, "activate", 1, number=1, **BEN).json()["state"] == "active"
    assert versions.active_text() == "second"
    said = client.get("/api/v1/versions/rules").json()
    assert (said["active"], said["running_is_active"], said["text"], said["revision"]) == (1, False, "second", 2)
    assert [(act["action"], act["by"]) for act in said["versions"][0]["acts"]] == [("propose", "Ana"), ("activate", "Ben")]
    assert post(client, "activate", 2, number=0, **BEN).status_code == 200, "roll-back"
    assert versions.active_text() is None
    assert client.get("/api/v1/versions/rules/texts/1").json()["text"] == "second"


def test_four_eyes_and_no_activation_without_a_back_test(desk: tuple[TestClient, FakeBench, Versions]) -> None:
    client, bench, versions = desk
    assert post(client, "propose", text="second", test="", **ANA).status_code == 404
    test = post(client, "test", text="second", **ANA).json()["test"]
    assert post(client, "propose", text="third", test=test, **ANA).status_code == 409, "of another text"
    assert post(client, "test", text="second", by="Cy", role="watchstander", reason="x").status_code == 403
    assert post(client, "test", text="wrong", **ANA).status_code == 422
    assert post(client, "propose", text="second", test=test, **ANA).status_code == 200
    for name in ("Ana", " ana ", "ANA"):
        assert post(client, "activate", 1, number=1, by=name, role="supervisor", reason="mine").status_code == 403
    assert post(client, "activate", 1, number=1, by="Cy", role="watchstander", reason="x").status_code == 403
    assert post(client, "activate", 1, number=1, by="Ben", role="supervisor", reason="").status_code == 422
    assert post(client, "activate", 0, number=1, **BEN).status_code == 412
    assert post(client, "activate", None, number=1, **BEN).status_code == 428
    kept = bench.tests.pop(test)
    assert post(client, "activate", 1, number=1, **BEN).status_code == 409, "its back-test is gone"
    bench.tests[test] = kept
    assert versions.active().number == 0
    assert post(client, "activate", 1, number=1, **BEN).status_code == 200


def test_a_back_test_against_what_is_no_longer_in_force_counts_for_nothing(desk: tuple[TestClient, FakeBench, Versions]) -> None:
    client, _, _ = desk
    tests = {text: post(client, "test", text=text, **ANA).json()["test"] for text in ("second", "third", "fourth")}
    for seen, text in enumerate(("second", "third")):
        assert post(client, "propose", seen, text=text, test=tests[text], **ANA).status_code == 200
    assert post(client, "activate", 2, number=1, **BEN).status_code == 200
    assert post(client, "activate", 3, number=2, **BEN).status_code == 409
    assert post(client, "propose", 3, text="fourth", test=tests["fourth"], **ANA).status_code == 409
    assert post(client, "withdraw", 3, number=2, **ANA).json()["state"] == "withdrawn"
    assert post(client, "activate", 4, number=2, **BEN).status_code == 409


def propose(versions: Versions, text: str) -> None:
    versions.propose(text, base=versions.active().hash, test="t", by="Ana", role="analyst", reason="why", seen=len(versions.journal()), wall_ms=1)


def test_a_journal_or_text_that_was_changed_is_found_and_half_a_line_is_no_line(tmp_path: Path) -> None:
    versions = Versions(tmp_path, "rules", "first")
    propose(versions, "second")
    versions.activate(1, by="Ben", role="supervisor", reason="why", seen=1, wall_ms=2)
    path = tmp_path / "rules" / "journal.ndjson"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"seq":3')
    propose(versions, "third")
    assert [act.action for act in Versions(tmp_path, "rules", "first").journal()] == ["propose", "activate", "propose"]
    (tmp_path / "rules" / f"{text_hash('second')}.toml").write_text("other")
    with pytest.raises(InputError, match="is not what was proposed"):
        versions.active_text()
    path.write_bytes(whole.replace(b"Ben", b"Ana"))
    with pytest.raises(InputError, match=":2 does not fit"):
        versions.active()
    with pytest.raises(InputError, match="does not fit"):
        versions.propose("x", base="", test="", by="A", role="analyst", reason="r", seen=2, wall_ms=1)


def test_a_version_may_not_come_back_by_the_hand_that_wrote_it(tmp_path: Path) -> None:
    versions = Versions(tmp_path, "zones", "first")
    for number, text in enumerate(("second", "third"), 1):
        propose(versions, text)
        versions.activate(number, by="Ben", role="supervisor", reason="why", seen=len(versions.journal()), wall_ms=2)
    with pytest.raises(RefusedError) as refused:
        versions.activate(1, by="ana", role="analyst", reason="back", seen=4, wall_ms=3)
    assert refused.value.status == 403
    assert versions.activate(1, by="Cy", role="analyst", reason="back", seen=4, wall_ms=3).state == "active"
    assert [one.state for one in versions.all()] == ["configured", "active", "former"]


def test_a_console_without_a_runner_says_so() -> None:
    client = TestClient(create_app(Board(), Picture(), Decisions(None)))
    assert client.get("/api/v1/versions/rules").status_code == 404
    assert "no runner" in client.get("/api/v1/versions/rules").json()["remedy"]
