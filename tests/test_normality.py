"""Learned normality: the fit does not depend on cuts, the model adds at most 15 % and nothing alone, a file that is not sound is refused."""

from __future__ import annotations

from functools import cache

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from risk_world import histories, make, run, shipped
from seas import recording
from typer.testing import CliRunner

from dogwatch import blob
from dogwatch.batch import HAS_TYPE_AND_SIZE, UNITS_PER_DEG, Batch, empty_batch, new_fixes, new_statics
from dogwatch.errors import InputError
from dogwatch.events import Event
from risk.explain import contributions
from risk.normality import Normality, bin_of, cell_of, group_of
from risk.profile import Levels
from risk.score import ODD_FROM, ODD_PERCENT_MAX, assess, counterfactual
from risk.step import RiskState
from runners.cli import app
from runners.intake import Intake
from runners.lane import Lane
from runners.learning import Gathered, fit
from runners.normality import MODEL_SCHEMA, read_model, write_model
from runners.rules import read_rules

BORDER = shipped()
SHIPS, REPORTS = 400, 12


@cache
def traffic() -> Batch:
    """Cargo ships that go north at 11 to 13 knots through four cells around 50 N 1 W, in random order, with what they are."""
    rng, batch = np.random.default_rng(5), empty_batch(("hill",))
    fixes, statics = new_fixes(SHIPS * REPORTS), new_statics(SHIPS)
    ship = np.repeat(np.arange(SHIPS), REPORTS)
    fixes["mmsi"], statics["mmsi"] = 257_000_000 + ship, 257_000_000 + np.arange(SHIPS)
    fixes["t_ms"] = 1_767_225_600_000 + rng.integers(0, 86_400_000, len(fixes))
    fixes["lat"] = np.round(rng.uniform(49.95, 50.15, len(fixes)) * UNITS_PER_DEG)
    fixes["lon"] = np.round(rng.uniform(-1.05, -0.95, len(fixes)) * UNITS_PER_DEG)
    fixes["sog"] = np.clip(rng.normal(120, 8, len(fixes)), 10, 300)
    fixes["cog"] = rng.normal(0, 150, len(fixes)) % 3600
    statics["ship_type"], statics["bow"], statics["stern"], statics["has"] = 70, 120, 30, HAS_TYPE_AND_SIZE
    order = rng.permutation(len(fixes))
    batch.fixes, batch.statics = fixes[order], statics
    return batch


@cache
def model() -> Normality:
    gathered = Gathered()
    gathered.take(traffic())
    return fit(gathered, ["traffic"])


def moving(kind: str = "dark", *, speed_kn: float = 12.0, course_deg: float | None = 0.0, confidence: float = 0.9, minutes: int = 0) -> Event:
    """An event of a cargo ship of 150 m amid the traffic, that states its motion."""
    event = make(kind, [257_000_001], minutes, confidence=confidence, lat=50.05, lon=-1.0)
    subjects = [msgspec.structs.replace(event.subjects[0], ship_type=70, loa_m=150)]
    motion = {"speed_kn": speed_kn} | ({"course_deg": course_deg} if course_deg is not None else {})
    return msgspec.structs.replace(event, subjects=subjects, measures=event.measures | motion)


def odd(kind: str = "dark", **changed: float) -> Event:
    return moving(kind, **({"speed_kn": 26.0, "course_deg": 180.0} | changed))


def test_who_goes_with_the_traffic_is_usual_and_who_goes_against_it_is_odd():
    usual, against = model().oddest(moving()), model().oddest(odd())
    assert usual is not None
    assert against is not None
    assert usual.quantile < 0.5
    assert against.quantile > 0.99
    assert against.kind == "course and speed"


def test_it_says_nothing_where_it_knows_nothing():
    far = msgspec.structs.replace(odd(), lat=10.0, lon=10.0)
    nowhere = msgspec.structs.replace(odd(), lat=None, lon=None)
    at_rest = moving(speed_kn=0.1)
    silent = msgspec.structs.replace(odd(), measures={})
    assert [model().oddest(event) for event in (far, nowhere, at_rest, silent)] == [None] * 4


def test_quantiles_are_calibrated_on_vessels_that_were_kept_out():
    fresh = traffic().fixes  # of which every fifth ship was kept out
    said = [model().oddest(moving(speed_kn=row["sog"] / 10, course_deg=row["cog"] / 10)) for row in fresh[:2_000]]
    shares = np.array([one.quantile for one in said if one is not None])
    assert len(shares) == 2_000
    assert (shares > 0.95).mean() <= 0.08  # one in twenty, and the slack of 2,000 draws and of repeated bins


@given(st.integers(0, 1 << 30), st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_the_fit_does_not_depend_on_cuts_or_order(seed, n_cuts):
    whole = traffic()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(whole.fixes))
    cuts = np.sort(rng.integers(0, len(order), n_cuts)).tolist()
    gathered = Gathered()
    for at, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(order)], strict=True)):
        part = empty_batch(("hill",))
        part.fixes = whole.fixes[order[start:end]]
        part.statics = whole.statics[at :: n_cuts + 1]
        gathered.take(part)
    assert fit(gathered, ["traffic"]).content_hash == model().content_hash


def gathered_by(step: int) -> Gathered:
    """What is gathered of the small sea when its bytes come in pieces of `step`."""
    data, intake, gathered = recording(duration_s=1_500.0), Intake([Lane("sea", lateness_ms=120_000)]), Gathered()
    for start in range(0, len(data), step):
        gathered.take(intake.feed("sea", data[start : start + step], None)[0])
    gathered.take(intake.feed("sea", b"", None, final=True)[0])
    return gathered


@pytest.mark.parametrize("step", [997, 65_536])
def test_what_is_gathered_of_bytes_does_not_depend_on_the_pieces(step):
    pieces, whole = gathered_by(step), gathered_by(1 << 30)
    assert whole.positions > 500
    assert whole.told
    assert whole.exercise
    assert np.array_equal(pieces.moves, whole.moves)
    assert (pieces.told, pieces.positions, pieces.first_ms, pieces.last_ms) == (whole.told, whole.positions, whole.first_ms, whole.last_ms)


def test_too_little_is_refused_by_the_command(tmp_path):
    (tmp_path / "sea.nmea").write_bytes(recording(duration_s=600.0))
    result = CliRunner().invoke(app, ["learn", str(tmp_path / "sea.nmea"), "--out", str(tmp_path / "m")])
    assert isinstance(result.exception, InputError)
    assert "too few to learn from" in str(result.exception)
    assert not (tmp_path / "m").exists()


def as_table() -> str:
    """The traffic as an archive has it: one row for each report, in order of time, with type and length of its ship."""
    fixes = np.sort(traffic().fixes, order="t_ms")
    rows = zip(fixes["mmsi"], fixes["t_ms"].astype("datetime64[ms]"), fixes["lat"], fixes["lon"], fixes["sog"], fixes["cog"], strict=True)
    lines = [
        f"{mmsi},{str(t)[:19]},{lat / UNITS_PER_DEG:.6f},{lon / UNITS_PER_DEG:.6f},{sog / 10},{cog / 10},70,150,20" for mmsi, t, lat, lon, sog, cog in rows
    ]
    return "\n".join(["MMSI,BaseDateTime,LAT,LON,SOG,COG,VesselType,Length,Width", *lines]) + "\n"


def test_learned_by_the_command_and_used_by_a_replay(tmp_path):
    week, hour, model_file = tmp_path / "week.csv", tmp_path / "hour.csv", tmp_path / "model.normality"
    week.write_text(as_table())
    hour.write_text("\n".join(as_table().splitlines()[:200]) + "\n")
    learned = CliRunner().invoke(app, ["learn", str(week), "--out", str(model_file), "--json"])
    assert learned.exit_code == 0, learned.output
    card = msgspec.json.decode(learned.stdout)
    found = read_model(model_file)
    assert (card["hash"], card["vessels"], card["positions"]) == (found.content_hash, SHIPS, SHIPS * REPORTS)
    assert card["observations_calibrating"] > 100
    quantiles = [found.oddest(event).quantile for event in (moving(), odd())]
    assert quantiles[0] < ODD_FROM < quantiles[1]
    for words, told in ((["--normality", str(model_file)], card["hash"]), ([], None)):
        replayed = CliRunner().invoke(app, ["replay", str(hour), "--out", str(tmp_path / "out"), *words])
        assert replayed.exit_code == 0, replayed.output
        assert msgspec.json.decode((tmp_path / "out" / "summary.json").read_bytes()).get("normality", {}).get("hash") == told


def test_the_card_says_what_was_learned():
    card = model().card
    assert (card["vessels"], card["positions"]) == (SHIPS, SHIPS * REPORTS)
    assert card["vessels_fitted"] == SHIPS * 4 // 5
    assert card["recordings"] == ["traffic"]
    assert card["area"] == {"south": 49.9, "north": 50.2, "west": -1.1, "east": -0.9}
    assert set(card["libraries"]) == {"dogwatch", "numpy", "scikit-learn"}
    assert card["simulated"] is False


@given(histories(max_size=5), st.sampled_from([0.0, 0.96, 0.99, 1.0]))
@settings(max_examples=60, deadline=None)
def test_it_adds_at_most_its_share_and_the_points_still_sum(events, minimum):
    live = [odd(event.type, confidence=event.confidence, minutes=minutes) for minutes, event in enumerate(events) if BORDER.rule_for(event)][:6]
    live = list({event.event_id: event for event in live}.values())
    if not live:
        return
    without, card = assess(BORDER, live), assess(BORDER, live, normality=model())
    added = sum(line.points for line in card.lines)
    assert 0 <= card.odd_points <= ODD_PERCENT_MAX / 100 * (added + card.odd_points)
    assert card.score_milli == without.score_milli + card.odd_points
    assert sum(row.points for row in contributions(BORDER, card)) == card.score_milli
    assert [line.points for line in card.lines] == [line.points for line in without.lines]


def test_the_share_is_reached_and_not_passed():
    card = assess(BORDER, [odd("dark")], normality=model())
    [line] = card.lines
    assert card.odd_points == line.points * 15 // 85 > 0


def test_it_is_never_a_verdict_by_itself():
    """The oddest motion brings nothing to events that bring nothing, whatever the levels: no alert comes of it alone."""
    free = msgspec.structs.replace(BORDER, levels=Levels(round(1000 * BORDER.base) + 1, -1500, -400), contexts=[])
    unsure = [odd("dark", confidence=0.1), odd("loitering", confidence=0.2)]
    card = assess(free, unsure, normality=model())
    assert all(model().oddest(event).quantile > 0.99 for event in unsure)
    assert (card.odd_points, card.level) == (0, None)
    assert run(free, unsure, RiskState.new(free, model()))[1] == []


@given(st.floats(0, 1), st.floats(0, 1))
def test_it_stays_monotone_in_confidence(one, other):
    low, high = sorted((one, other))
    scores = [assess(BORDER, [odd("dark", confidence=c), moving("loitering", speed_kn=1.0)], normality=model()).score_milli for c in (low, high)]
    assert scores[0] <= scores[1]


def test_taking_an_event_back_restores_the_score_exactly():
    waiting, dark = moving("loitering"), odd("dark", minutes=60)
    before = assess(BORDER, [waiting], normality=model())
    state, first = run(BORDER, [waiting], RiskState.new(BORDER, model()))
    state, _ = run(BORDER, [dark], state)
    _, last = run(BORDER, [msgspec.structs.replace(dark, version=2, state="retracted", reason="late data")], state)
    assert first[-1].score_milli == last[-1].score_milli == before.score_milli


def test_the_counterfactual_knows_the_model():
    events = [odd("dark"), moving("loitering", minutes=400)]
    card = assess(BORDER, events, normality=model())
    event, without = counterfactual(BORDER, events, card, normality=model())
    assert without == assess(BORDER, [one for one in events if one.event_id != event.event_id], as_of_ms=None, normality=model())


def test_an_absent_model_adds_nothing_and_says_so():
    [alert] = run(BORDER, [odd("dark")])[1]
    [row] = [row for row in alert.contributions if row.name == "normality"]
    assert (row.points, row.event_id) == (0, None)
    assert "no model" in row.text


def test_a_model_stands_in_the_alert_with_its_hash():
    [alert] = run(BORDER, [odd("dark")], RiskState.new(BORDER, model()))[1]
    [row] = [row for row in alert.contributions if row.name == "normality"]
    assert row.points > 0
    assert row.observed > row.threshold
    assert model().content_hash in row.text


def test_a_model_comes_back_from_its_file(tmp_path):
    write_model(tmp_path / "m", model())
    again = read_rules("border", [], normality=tmp_path / "m").normality
    assert again is not None
    assert (again.content_hash, again.card) == (model().content_hash, msgspec.json.decode(msgspec.json.encode(model().card)))
    assert again.oddest(odd()) == model().oddest(odd())


def test_the_hash_follows_arrays_and_card():
    counts = model().counts.copy()
    counts[0] += 1
    others = [Normality(model().keys, counts, model().cells, model().vessels, model().quantiles, model().card)]
    others.append(Normality(*(getattr(model(), name) for name in ("keys", "counts", "cells", "vessels", "quantiles")), model().card | {"positions": 1}))
    assert len({model().content_hash, *(other.content_hash for other in others)}) == 3


def tampered() -> dict[str, bytes]:
    """Files that are no sound model: cut, a bit turned, content changed with a right checksum, another version, a section less, another file."""
    sections = model().to_sections()
    whole = blob.pack(sections, schema=MODEL_SCHEMA)
    changed = sections | {"counts": model().counts + 1}
    return {
        "cut": whole[: len(whole) // 2],
        "bit": whole[:-9] + bytes([whole[-9] ^ 4]) + whole[-8:],
        "content": blob.pack(changed, schema=MODEL_SCHEMA),
        "card": blob.pack(sections | {"card": b'{"vessels":1}'}, schema=MODEL_SCHEMA),
        "version": blob.pack(sections, schema=MODEL_SCHEMA + 1),
        "section": blob.pack({name: value for name, value in sections.items() if name != "cells"}, schema=MODEL_SCHEMA),
        "shape": blob.pack(sections | {"quantiles": model().quantiles[0]}, schema=MODEL_SCHEMA),
        "foreign": b"\x93NUMPY" + whole,
        "empty": b"",
    }


@pytest.mark.parametrize("how", ["cut", "bit", "content", "card", "version", "section", "shape", "foreign", "empty"])
def test_a_file_that_is_not_sound_is_refused_with_one_message(tmp_path, how):
    (tmp_path / "m").write_bytes(tampered()[how])
    with pytest.raises(InputError) as found:
        read_model(tmp_path / "m")
    assert str(tmp_path / "m") in str(found.value)
    assert "dogwatch learn" in str(found.value)


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read model"):
        read_rules("border", [], normality=tmp_path / "none")


@pytest.mark.parametrize(
    ("ship_type", "loa_m", "name"), [(0, 0, (0, 0)), (30, 24, (1, 1)), (52, 25, (2, 2)), (36, 99, (3, 2)), (70, 150, (6, 3)), (89, 300, (7, 4))]
)
def test_classes(ship_type, loa_m, name):
    assert divmod(int(group_of(np.int64(ship_type), np.int64(loa_m))), 5) == name


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(0, 359.9), st.floats(0, 102))
def test_cells_and_bins_lie_in_their_ranges(lat, lon, course, speed):
    assert 0 <= int(cell_of(np.float64(lat), np.float64(lon))) < 1801 * 3601
    assert 0 <= int(bin_of(np.float64(course), np.float64(speed))) < 64
