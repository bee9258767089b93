"""A threshold that is tried beside a run gives to the byte what a run of its own gives, and the run itself tells what it tells without."""

from __future__ import annotations

import numpy as np
import pytest
import test_tracks_assist
import test_tracks_infra
from test_tracks_shards import EVERYWHERE, generated
from tracks_sea import run, silent_source, watch, well_heard

from dogwatch.errors import InputError
from dogwatch.events import to_json
from tracks.detectors import KINDS
from tracks.params import Params
from tracks.step import TrackState
from tracks.variant import READERS, number_at, run_beside, with_value

# Thresholds with values that change something; at least one of each table.
TRIED = {
    "loitering.duration_s_min.border": (1_800.0, 5_400.0),
    "loitering.speed_kn_max": (1.0, 4.0),
    "rendezvous.duration_s_min": (900.0, 5_400.0),
    "rendezvous.distance_m_ceiling": (200.0,),
    "dark.suspicious_s_a": (1_000.0, 4_000.0),
    "dark_partner.transit_kn_min": (9.0,),
    "drift.net_m_min": (900.0,),
    "nuc.reports_min": (40,),
    "sudden_stop.stopped_kn": (2.0,),
    "aground.still_s": (900.0,),
    "collision.cpa_nm": (0.05,),
    "anomaly.step_kn_min": (7.0,),
    "infra.drag_s_min": (1_800.0,),
}
HOW = {"coverage": well_heard(), "geography": test_tracks_infra.Cable(), "control": [*test_tracks_assist.call(), *silent_source(5400, 5700)]}


def lines(events, instead_of=""):
    """Versions as lines of events.ndjson, sorted; the hash of these thresholds as that of the run's."""
    return sorted(to_json(event).decode().replace(instead_of or EVERYWHERE.params_hash, EVERYWHERE.params_hash) for event in events)


def test_every_table_is_tried_and_names_detectors():
    assert {path.partition(".")[0] for path in TRIED} == set(READERS)
    assert {name for names in READERS.values() for name in names} <= {kind.NAME for kind in KINDS}


@pytest.fixture(scope="module")
def sea():
    """Every behaviour at once; the run without variants; one run with all of them beside it."""
    fixes, statics = generated(0)
    alone, _ = watch(fixes, statics, params=EVERYWHERE, **HOW)
    state = TrackState.new(EVERYWHERE, HOW["geography"], HOW["coverage"])
    values = [(path, value) for path, tried in TRIED.items() for value in tried]
    told = {(path, value): run_beside(state, path.partition(".")[0], with_value(EVERYWHERE, path, value), k) for k, (path, value) in enumerate(values)}
    cuts = np.random.default_rng(1).integers(0, len(fixes), 30).tolist()
    beside, _ = run([state], fixes, statics, control=HOW["control"], cuts=cuts)
    return fixes, statics, alone, beside, told


def test_the_run_itself_is_not_changed(sea):
    _, _, alone, beside, _ = sea
    assert lines(beside) == lines(alone)


@pytest.mark.parametrize("path", TRIED)
def test_what_is_told_beside_is_what_a_run_of_its_own_tells(sea, path):
    fixes, statics, alone, _, told = sea
    common, changed = lines(alone), False
    for value in TRIED[path]:
        params = with_value(EVERYWHERE, path, value)
        assert number_at(params, path) == value
        own, _ = watch(fixes, statics, params=params, **HOW)
        mine, whole = lines(told[path, value], params.params_hash), lines(own, params.params_hash)
        rest = list(whole)
        for line in mine:
            rest.remove(line)  # to the byte, and as often
        assert set(rest) <= set(common), "all else is what the run itself tells"
        changed |= whole != common
    assert changed, f"no value of {path} changes anything in this sea: it shows nothing"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("harbour.helpers_min", "loitering"),
        ("harbour", "v_max_kn"),
        ("loitering", "speed_kn_max"),
        ("loitering.duration_s_min", "offshore"),
        ("loitering.enabled", "speed_kn_max"),
        ("loitering.speed", "speed_kn_max"),
        ("loitering.speed_kn_max.border", "no number"),
    ],
)
def test_what_is_no_threshold_is_refused(path, said):
    with pytest.raises(InputError, match="no number") as fault:
        with_value(Params(), path, 1.0)
    assert said in str(fault.value)


def test_any_number_of_any_table_can_be_asked_for():
    for path in ("assist.helpers_min", "position.inland_nm", "gnss.vessels_min", "identity.reports_min", "zone.exit_nm", "port_visit.exit_nm", "v_max_kn"):
        assert number_at(with_value(Params(), path, number_at(Params(), path) + 1), path) == number_at(Params(), path) + 1


def test_a_value_out_of_range_is_refused():
    with pytest.raises(InputError, match=r"loitering\.speed_kn_max = -1"):
        with_value(Params(), "loitering.speed_kn_max", -1.0)
