"""The back-test: its figures are those of a replay, unlabelled is never false, gates decide the exit code, the page needs nothing from outside."""

from __future__ import annotations

import itertools
import json
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest
from commands import dogwatch
from hypothesis import given, settings
from risk_world import HOUR_MS, MIN_MS, T0_MS, histories, make, run, shipped

from dogwatch.errors import InputError
from dogwatch.events import to_json
from runners.backtest import Asked, backtest, gate_of, read_labels
from runners.backtest_cases import Label, accuracy, case_rows, changes, give_verdicts, load, median_interval, near_misses, rule_rows, sweep
from runners.backtest_coast import POINTS_MAX, shore_lines
from runners.backtest_page import junit, page
from runners.backtest_relaxed import relaxed_alerts
from runners.backtest_sweep import Beside, sweeps_of
from runners.ledger import Kept
from runners.replay import Options, replay
from runners.rules import read_coverage, read_rules
from runners.step import stamped
from runners.trails import Trails, trail_of
from tracks.detectors import new_detectors
from tracks.params import Params
from tracks.variant import with_value

ROOT = Path(__file__).resolve().parent.parent
COVERAGE = ROOT / "sim" / "scenarios" / "strait.coverage"
BORDER = shipped()


@pytest.fixture(scope="module")
def sea(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("backtest")
    done = dogwatch("sim", "strait", "--seed", "5", "--nmea", "sea.nmea", "--truth", "sea.truth", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "quiet.toml").write_text('extends = "border"\nname = "quiet"\nwithout = ["silent near the border"]\n[levels]\ncaution_milli = -1790\n')
    return folder


@pytest.fixture(scope="module")
def result(sea):
    """border against itself without dark periods, labelled by the truth."""
    rules, against = read_rules("border", []), read_rules(str(sea / "quiet.toml"), [])
    asked = Asked(
        [sea / "sea.nmea"], rules, against, read_labels(sea / "sea.truth"), [gate_of("new_alerts<=0"), gate_of("recall>=0.5")], read_coverage(COVERAGE)
    )
    return backtest(asked)


def test_the_alerts_are_those_of_a_replay(sea, result, tmp_path):
    replay([sea / "sea.nmea"], read_rules("border", []), Options(tmp_path / "out"), read_coverage(COVERAGE))
    rows = [json.loads(line) for line in (tmp_path / "out" / "alerts.ndjson").read_text().splitlines()]
    first = {row["alert_id"]: row for row in rows if row["kind"] == "risk"}
    assert len(first) > 2
    assert result[0].now.load.alerts == len(first)
    assert result[0].metrics["alerts"] == len(first)


@given(histories())
@settings(max_examples=60, deadline=None)
def test_a_relaxed_run_tells_of_every_line_what_a_run_with_that_line_tells(events):
    cases = case_rows(BORDER, relaxed_alerts(BORDER, events), events)
    for line in (-3900, -1800, -1500, -400):
        levels = msgspec.structs.replace(BORDER.levels, caution_milli=line, warning_milli=max(line + 1, -1500), alarm_milli=max(line + 2, -400))
        _, alerts = run(msgspec.structs.replace(BORDER, levels=levels), events)
        first = {}
        for alert in alerts:
            first.setdefault(alert.alert_id, alert.t_last)
        told = {case.alert_id: case.told_ms(line) for case in cases if case.told_ms(line) is not None}
        assert told == first


def labelled(labels: list[Label], *events):
    """Cases of the events, judged."""
    found = case_rows(BORDER, relaxed_alerts(BORDER, list(events)), events)
    give_verdicts(found, labels, events, max(event.t_detected for event in events))
    return found


def test_unlabelled_is_never_false():
    right = Label(True, [1], T0_MS, T0_MS + 45 * MIN_MS, "dark")
    wrong = Label(False, [2], T0_MS, T0_MS + 45 * MIN_MS, "loitering")
    events = [make("dark", [mmsi], confidence=0.99, lat=50 + mmsi) for mmsi in (1, 2, 3)]
    cases = labelled([right, wrong], *events)
    assert {case.mmsi[0]: case.verdict for case in cases} == {1: "right", 2: "wrong", 3: "unlabelled"}
    found = accuracy(BORDER, cases, [right, wrong], BORDER.levels.caution_milli)
    assert (found.right, found.wrong, found.unlabelled) == (1, 1, 1)
    assert (found.precision.hits, found.precision.total) == (1, 2)
    assert (found.recall.hits, found.recall.total) == (1, 1)
    assert found.precision.low < 0.5 < found.precision.high
    assert found.delay.median_s == 45 * 60
    alone = accuracy(BORDER, labelled([], *events), [], BORDER.levels.caution_milli)
    assert (alone.precision.value, alone.recall.value, alone.unlabelled) == (None, None, 3)


def test_a_label_is_found_by_half_of_the_time_the_same_vessels_and_behaviour():
    dark = make("dark", [1], 0, detected_min=60, end_min=60, state="closed", confidence=0.99)

    def verdict(label: Label) -> str:
        return labelled([label], dark)[0].verdict

    assert verdict(Label(True, [1], T0_MS + 25 * MIN_MS, T0_MS + 60 * MIN_MS, "dark")) == "right"
    assert verdict(Label(True, [1], T0_MS + 35 * MIN_MS, T0_MS + 60 * MIN_MS, "dark")) == "unlabelled"
    assert verdict(Label(True, [2], T0_MS, T0_MS + 60 * MIN_MS, "dark")) == "unlabelled"
    assert verdict(Label(True, [1], T0_MS, T0_MS + 60 * MIN_MS, "loitering")) == "unlabelled"
    assert verdict(Label(True, [1], T0_MS, T0_MS + 60 * MIN_MS)) == "right"
    assert verdict(Label(False, [1], T0_MS + 60 * MIN_MS, T0_MS + 90 * MIN_MS)) == "wrong"


def test_the_sweep_counts_as_a_slow_look_does():
    events = [make("loitering", [mmsi], 0, confidence=0.3 + 0.01 * mmsi, lat=-60.0 + mmsi) for mmsi in range(1, 60)]
    cases = labelled([], *events)
    rows = sweep(BORDER, cases, [], hours=2.0)
    assert sum(row.current for row in rows) == 1
    assert [row.line_milli for row in rows] == sorted({row.line_milli for row in rows})
    for row in rows:
        assert row.alerts == sum(case.peak_milli >= row.line_milli for case in cases) == row.accuracy.unlabelled
    assert len({row.alerts for row in rows}) > 2


def test_load_counts_by_hour_by_day_and_by_ten_minutes():
    events = [make("dark", [mmsi], 0, detected_min=30, confidence=0.99, lat=-50.0 + mmsi) for mmsi in range(1, 13)]
    events.append(make("dark", [20], 200, detected_min=230, confidence=0.99, lat=60.0))
    found = load(BORDER, labelled([], *events), hours=12.0, vessels=50, t_first_ms=T0_MS)
    assert (found.alerts, found.levels["warning"]) == (13, 13)
    assert found.per_operator_hour == round(13 / 12, 4)
    assert found.per_day_per_100_vessels == 13 / 0.5 / 0.5
    assert (found.window_max, found.windows_flooded) == (12, round(1 / 73, 4))


def test_changes_are_found_by_the_events_that_cases_share():
    both, gone, new = (make("dark", [mmsi], confidence=0.99, lat=50 + mmsi) for mmsi in (1, 2, 3))
    louder = msgspec.structs.replace(BORDER, levels=msgspec.structs.replace(BORDER.levels, alarm_milli=-1000))
    now, before = labelled([], both, new), labelled([], both, gone)
    found = {change.kind: change for change in changes(louder, now, BORDER, before)}
    assert {kind: change.case.mmsi for kind, change in found.items()} == {"added": [3], "lost": [2], "changed": [1]}
    assert found["changed"].text == "warning becomes alarm"
    assert changes(BORDER, now, BORDER, labelled([], both, new)) == []


def test_the_sample_is_just_below_the_line():
    events = [make("loitering", [mmsi], 0, confidence=0.30, lat=50.0 + mmsi, coast_nm=15.0 if mmsi < 3 else 40.0) for mmsi in range(1, 6)]
    profile = msgspec.structs.replace(BORDER, levels=msgspec.structs.replace(BORDER.levels, caution_milli=-1700))
    near = near_misses(profile, labelled([], *events))
    assert [case.mmsi for case in sorted(near, key=lambda case: case.mmsi)] == [[1], [2]]
    assert all(-2200 <= case.peak_milli < -1700 for case in near)


def test_a_rule_is_told_with_what_it_brings_alone():
    dark, waits, other = make("dark", [1], confidence=0.99), make("loitering", [1], 100), make("loitering", [2], 0, lat=60.0)
    rows = {row.name: row for row in rule_rows(BORDER, labelled([], dark, waits, other), [dark, waits, other], {})}
    assert (rows["silent near the border"].alerts, rows["silent near the border"].alone) == (1, 0)
    assert (rows["waiting where vessels do not wait"].events, rows["waiting where vessels do not wait"].alerts) == (2, 2)
    assert rows["waiting where vessels do not wait"].alone == 1


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.links += [
            value or "" for name, value in attrs if name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href") or name.startswith("on")
        ]


def test_the_page_stands_alone_and_says_everything(result):
    text = page(*result).decode()
    seen = Page()
    seen.feed(text)
    assert not seen.links
    assert not {"script", "link", "iframe", "img", "object", "embed", "base"} & set(seen.tags)
    assert not re.search(r"url\(|@import|https?://", text)
    assert "polyline" in seen.tags
    order = [
        text.index(f"<h2>{head}")
        for head in ("Gates", "What the data cover", "Load", "Accuracy", "Added", "Where the line", "What each rule", "Just below", "Stamp")
    ]
    assert order == sorted(order)
    assert "EXERCISE" in text
    for side in (result[0].now, result[0].before):
        assert side.profile_hash in text
        assert side.owner in text


def test_what_comes_from_outside_is_escaped(result):
    bad = '<script>alert("x")</script>'
    changed = [msgspec.structs.replace(change, now=msgspec.structs.replace(change.case, headline=bad), kind="added") for change in result[0].changes]
    assert changed
    hostile = msgspec.structs.replace(result[0], changes=changed)
    hostile.data = result[0].data | {"notes": [bad], "files": [{"name": bad}]}
    assert bad not in page(hostile, result[1]).decode()


def test_added_alerts_come_with_tracks_and_gates_decide(result):
    found, _ = result
    assert found.metrics["new_alerts"] >= 1
    assert [gate.passed for gate in found.gates] == [False, found.metrics["recall"] >= 0.5]
    tree = ET.fromstring(junit(found))
    assert (tree.get("tests"), tree.get("failures")) == ("2", str(sum(not gate.passed for gate in found.gates)))
    assert tree.find("testcase/failure") is not None


def test_events_are_scored_twice_and_computed_once(sea):
    def runs(against: str) -> int:
        seen: list[object] = []
        asked = Asked([sea / "sea.nmea"], read_rules("border", []), read_rules(against, []))
        backtest(asked, lambda state, _: None if any(state is one for one in seen) else seen.append(state))
        return len(seen)

    assert runs(str(sea / "quiet.toml")) == 1
    assert runs("high-seas-transshipment") == 2  # other thresholds of the detectors: other events


def test_the_command_writes_what_is_asked_for_and_a_gate_gives_exit_code_1(sea):
    words = ["backtest", "sea.nmea", "--rules", "border", "--against", "quiet.toml", "--labels", "sea.truth", "--coverage", str(COVERAGE), "--out", "r.html"]
    done = dogwatch(*words, "--json", "r.json", "--junit", "r.xml", "--gate", "new_alerts<=0", cwd=sea)
    assert done.returncode == 1, done.stderr
    assert "NOT KEPT" in done.stdout
    figures = json.loads((sea / "r.json").read_text())
    assert figures["metrics"]["new_alerts"] >= 1
    assert figures["data"]["positions"] > 1000
    assert (sea / "r.html").read_text().startswith("<!doctype html>")
    assert ET.parse(sea / "r.xml").getroot().get("failures") == "1"
    assert dogwatch(*words, "--gate", "new_alerts<=9999", cwd=sea).returncode == 0


REFUSED = [
    (["--gate", "new_alerts<5 and more"], "is no gate"),
    (["--gate", "nonsense<=5"], "metrics: alerts, new_alerts"),
    (["--gate", "recall>=0.5"], "needs labels"),
    (["--gate", "lost_alerts<=0"], "--against"),
    (["--labels", "none.ndjson"], "does not exist"),
    (["--labels", "quiet.toml"], "no label"),
    (["--labels", "empty"], "holds no label"),
    (["--json", "nowhere/r.json"], "there is no folder"),
    (["--against", "boarder"], "no profile 'boarder'"),
    (["--sweep", "loitering.speed_kn_max=1-3"], "is no sweep"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_answered_is_refused_before_anything_runs(sea, words, said):
    (sea / "empty").write_text("")
    done = dogwatch("backtest", "sea.nmea", "--rules", "border", "--out", "x.html", *words, cwd=sea)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert not (sea / "x.html").exists()


def test_data_without_a_position_are_an_error_and_no_zero(tmp_path):
    (tmp_path / "noise.nmea").write_bytes(b"nothing here\n" * 50)
    with pytest.raises(InputError, match="nothing was tested"):
        backtest(Asked([tmp_path / "noise.nmea"], read_rules("border", [])))


def test_verdicts_are_read_and_a_third_one_is_refused(tmp_path):
    row = {"mmsi": [257000001], "t_start": "2026-01-01T00:00:00Z", "t_end": "2026-01-01T01:00:00Z", "verdict": "right", "alert_id": "a"}
    path = tmp_path / "labels.ndjson"
    path.write_text(json.dumps(row) + "\n\n" + json.dumps(row | {"verdict": "wrong"}) + "\n")
    assert read_labels(path) == [
        Label(True, [257000001], T0_MS, T0_MS + HOUR_MS, "", "a"),
        Label(False, [257000001], T0_MS, T0_MS + HOUR_MS, "", "a"),
    ]
    path.write_text(json.dumps(row | {"verdict": ""}) + "\n")
    with pytest.raises(InputError, match=r"labels\.ndjson:1: no label: verdict '' is neither right nor wrong"):
        read_labels(path)


def test_trails_keep_a_position_in_five_minutes_of_each_vessel(sea):
    trails = Trails()
    asked = [sea / "sea.nmea"]
    replay(asked, read_rules("border", []), Options(sea / "trails"), None, trails.take)
    whole = trails.whole()
    assert len(np.unique(whole["key"])) == len(whole) > 100
    mmsi = int(whole["key"][0] >> np.uint64(32))
    rows = trail_of(whole, mmsi, 0, 1 << 45)
    assert (np.diff(rows[:, 0]) > 0).all()
    assert len(rows) == int((whole["key"] >> np.uint64(32) == mmsi).sum())
    assert (np.abs(rows[:, 1]) <= 90).all()


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["loitering.speed_kn_max=3:1:4"], "no values to try"),
        (["loitering.speed_kn_max=1:3:1"], "no values to try"),
        (["loitering.speed=1:3:4"], "speed_kn_max"),
        (["harbour.helpers_min=2:4:2"], "no number"),
        (["loitering.speed_kn_max=1:3:30", "drift.net_m_min=100:900:30"], "more than 40 values"),
        (["loitering.speed_kn_max=1:3:3", "loitering.speed_kn_max=1:4:3"], "swept twice"),
        (["loitering.fast_share_max=0:2:3"], "fast_share_max = 2"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(texts, said):
    with pytest.raises(InputError, match=re.escape(said)):
        sweeps_of(texts, Params())


def test_a_row_of_a_sweep_is_what_a_back_test_with_that_value_says(sea):
    labels, coverage = read_labels(sea / "sea.truth"), read_coverage(COVERAGE)
    rules = read_rules("border", [])
    asked = Asked([sea / "sea.nmea"], rules, None, labels, coverage=coverage, sweeps=sweeps_of(["dark.suspicious_s_a=900:5400:2"], rules.params))
    found, whole = backtest(asked)
    table = found.sweeps[0]
    assert [(row.value, row.current) for row in table.rows] == [(900.0, False), (1800.0, True), (5400.0, False)]
    for row in table.rows:
        (sea / "one.toml").write_text(f'extends = "border"\nname = "border"\n[detectors.dark]\nsuspicious_s_a = {row.value}\n')
        own, _ = backtest(Asked([sea / "sea.nmea"], read_rules(str(sea / "one.toml"), []), None, labels, coverage=coverage))
        assert (row.alerts, row.per_operator_hour, row.accuracy) == (own.now.load.alerts, own.now.load.per_operator_hour, own.now.accuracy)
    assert len({row.alerts for row in table.rows}) > 1, "the threshold decides something here"
    text = page(found, whole).decode()
    assert "dark.suspicious_s_a" in text[text.index("Where the thresholds could be") :]
    assert "Where the thresholds could be" not in page(msgspec.structs.replace(found, sweeps=[]), whole).decode()


def test_a_threshold_that_all_detectors_see_has_a_track_state_of_its_own(sea):
    rules, coverage = read_rules("border", []), read_coverage(COVERAGE)
    beside = Beside(sweeps_of(["zone.approach_kn_min=3:14:2", "assist.helpers_min=2:3:2"], rules.params))

    def told(rules, begun=None):
        kept = Kept()
        replay([sea / "sea.nmea"], rules, Options(Path()), coverage, begun=begun, kept=kept)
        return kept.events

    def lines(events):
        return [to_json(event) for event in stamped(events, "")]

    run = told(rules, beside.begin)
    assert lines(run) == lines(told(rules)), "what looks on changes nothing"
    zone = beside.sweeps[0]
    whole, mine = beside.events_at(zone, 14.0, run)
    assert lines(whole) == lines(told(replace(rules, params=with_value(rules.params, zone.path, 14.0))))
    assert {event.type for event in mine} >= {"zone"}
    assert len(whole) != len(run), "the threshold decides something here"


# --- the coast behind the maps, the interval of the delay, the price of a detector ---------------------------------------


def _edges(*rings: list[tuple[float, float]]) -> np.ndarray:
    rows = [(*a, *b) for ring in rings for a, b in itertools.pairwise(ring)]
    return np.round(np.array(rows) * 600_000).astype(np.int32)


def test_the_shipped_coast_is_behind_the_maps_and_the_page_still_stands_alone(result):
    coast = read_rules("border", []).geography.coast.edges
    text = page(*result, coast).decode()
    paths = re.findall(r'<path class="coast" d="([^"]+)"', text)
    assert paths, "the strait has shores"
    assert all(re.fullmatch(r"[ML0-9 -]+", path) for path in paths)
    assert not re.search(r"url\(|@import|https?://", text)
    assert len(text) < len(page(*result)) + len(paths) * 60_000, "simplified"
    assert 'class="coast"' not in page(*result).decode()


@pytest.mark.parametrize("seed", range(30))
def test_no_shore_of_a_frame_is_lost_and_none_strays(seed):
    """Every piece of coast that lies in the box is within two steps of a line that is drawn, and each drawn point is a point of the coast."""
    rng = np.random.default_rng(seed)
    middle = float(rng.choice([0.0, 179.9, -179.9, 30.0]))
    walk = np.cumsum(rng.normal(0, 0.02, (300, 2)), axis=0)
    ring = [(float(lat), float((middle + lon + 180) % 360 - 180)) for lat, lon in walk]
    edges, step = _edges(ring), 0.01
    lat, lon = (-0.1, 0.1), (middle - 0.1, middle + 0.1)
    lines = shore_lines(edges, lat, lon, step)
    drawn = np.concatenate([_dense(line) for line in lines]) if lines else np.empty((0, 2))
    corners = {(a, b % 216_000_000) for a, b in np.concatenate((edges[:, :2], edges[:, 2:])).tolist()}
    for line in lines:
        assert all((round(a * 600_000), round(b * 600_000) % 216_000_000) in corners for a, b in line.tolist())
        assert (np.abs(np.diff(line[:, 1])) < 1).all(), "no line wraps"
    inside = [(a, middle + (b - middle + 180) % 360 - 180) for a, b in ring]
    for a, b in inside:
        if abs(a) <= 0.1 and abs(b - middle) <= 0.1:
            assert np.hypot(drawn[:, 0] - a, drawn[:, 1] - b).min() <= 2 * step


def _dense(line: np.ndarray) -> np.ndarray:
    return np.concatenate([np.linspace(a, b, 50) for a, b in itertools.pairwise(line)])


def test_a_map_has_a_bounded_number_of_points():
    ring = [(float(np.sin(i * 2.4)), float(np.cos(i * 2.4))) for i in range(60_000)]
    assert sum(map(len, shore_lines(_edges(ring), (-1, 1), (-1, 1), 1e-5))) <= 60_000
    walk = np.column_stack((np.linspace(0, 1, 60_000), np.zeros(60_000)))
    assert sum(map(len, shore_lines(_edges([tuple(spot) for spot in walk.tolist()]), (-1, 2), (-1, 1), 1e-5))) <= POINTS_MAX


@pytest.mark.parametrize("n", [0, 1, 5, 6, 7, 20, 101, 999, 1000, 5000])
def test_the_interval_of_a_median_is_that_of_the_binomial_law(n):
    """The slow way: the widest rank from either end that the law allows."""
    values = [1000 * i for i in range(1, n + 1)]
    found = median_interval(values[::-1])
    below = itertools.accumulate(math.comb(n, i) for i in range(n // 2))
    ranks = [k for k, ways in enumerate(below, 1) if ways * 40 <= 2**n]
    if not ranks:
        assert found is None
        assert n < 6
    else:
        low, high = found
        assert low + high == n + 1
        assert abs(low - max(ranks)) <= (n >= 1000)


def test_every_detector_has_its_price(result):
    """That measuring changes nothing is held by `test_the_alerts_are_those_of_a_replay`: the replay beside it is not measured."""
    found, _ = result
    costs = found.now.detectors_cpu_ms
    names = {detector.NAME for detector in new_detectors()}
    assert set(costs) == names
    assert 0 < sum(costs.values()) <= 1000 * found.now.track_cpu_s
    assert "loitering" in page(*result).decode()
