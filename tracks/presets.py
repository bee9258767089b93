"""Peers' definitions by name, as overrides of our parameters. May hold: the names, the numbers, where they differ from the original.

May not: detect. A profile takes them with `presets = ["dma_drift"]` in its `[detectors]` table; what the table says itself is laid
over them. A preset is the peer's definition asked of our own measurements (positions of the trail, ticks of a minute), not a
copy of their program: docs/behaviours names the differences.
"""

from __future__ import annotations

from typing import Any

from dogwatch.errors import ConfigError
from tracks.params import Params, params_of


def _any_silence(gap_s: float) -> dict[str, Any]:
    """Dark periods as those define them who know no coverage: so long a silence, anywhere."""
    lengths = dict.fromkeys(("candidate_s_a", "candidate_s_b", "suspicious_s_a", "suspicious_s_b"), gap_s)
    return {**lengths, "coverage_needed": False, "border_nm_max": 10_000.0, "gap_s_max": 14 * 86_400.0, "open_s_max": 30 * 86_400.0}


NEVER_S = 31_536_000.0
RING_NM = 5.4  # 10 km


def _any_run(duration_s: float, *, border: float) -> dict[str, Any]:
    """A slow run of a duration, however far it gets and however seldom it is heard; `border`: of the duration 3 to 24 nm off the coast."""
    need_s = {"offshore": duration_s, "border": border, "inshore": border}
    return {"speed_kn_max": 2.0, "duration_s_min": need_s, "radius_nm_max": 1_000.0, "net_over_path_max": 1.0, "reports_min": 1}


def _within(distance_m: float) -> dict[str, Any]:
    """Closer than a distance, whatever the lengths; what is told of vessels under way, and of those whom nobody heard, is our own and left out."""
    return {"distance_m_floor": distance_m, "distance_m_ceiling": distance_m, "way_duration_s_min": NEVER_S, "unheard_s_max": 0.0}


PRESETS: dict[str, dict[str, Any]] = {
    # AisAbnormal: all reports of 10 min at 1-5 kn, more than 45 degrees off bow and stern, over 500 m, 50 m and longer
    "dma_drift": {
        "drift": {
            "window_s": 600.0,
            "speed_kn_min": 1.0,
            "speed_kn_max": 5.0,
            "off_bow_deg_min": 45.0,
            "across_share_min": 1.0,
            "net_over_path_min": 0.0,
            "loa_m_min": 50.0,
        }
    },
    # AisAbnormal: within 30 s, sustained a minute, class A of 50 m and longer
    "dma_sudden_speed": {"sudden_stop": {"within_s": 30.0, "sustained_s": 60.0, "loa_m_min": 50.0, "class_a_only": True}},
    # Global Fishing Watch, pipe-anchorages: in port within 3 km of an anchorage point, out beyond 4 km; stopped at 0.2 knots until 0.5; a silence of
    # 240 minutes is as good as a stop; levels 2 and more are used. Their points are learned from traffic, ours are the table's and drawn zones
    "gfw_port_visit": {"port_visit": {"radius_nm": 1.62, "exit_nm": 0.54, "stop_kn_max": 0.2, "resume_kn": 0.5, "gap_s_min": 14_400.0, "level_min": 2}},
    # AisAbnormal: hulls (an ellipse of two lengths by three beams) overlap within a minute, within a mile, above 5 kn
    "dma_close_encounter": {
        "collision": {
            "cpa_nm": 0.0,
            "cpa_nm_inshore": 0.1,
            "loa_factor": 1.0,
            "tcpa_s_max": 60.0,
            "range_nm": 1.0,
            "speed_kn_min": 5.0,
            "sustained_s": 0.0,
            "present_counts": True,
        }
    },
    # AisAbnormal: another ship inside eight lengths round one, on a course within 15 degrees; the pair again after half an hour
    "dma_free_flow": {
        "collision": {
            "cpa_nm": 0.0,
            "cpa_nm_inshore": 0.1,
            "loa_factor": 4.0,
            "tcpa_s_max": 1.0,
            "range_nm": 2.0,
            "course_apart_deg_max": 15.0,
            "sustained_s": 0.0,
            "present_counts": True,
            "merge_s": 1800.0,
        }
    },
    # RTEC: course and heading more than 40 degrees apart from half a knot on, without a duration (ours: ten minutes)
    "rtec_drift": {
        "drift": {"window_s": 600.0, "speed_kn_min": 0.5, "speed_kn_max": 48.6, "net_m_min": 100.0, "net_over_path_min": 0.0, "across_share_min": 1.0}
    },
    # GlobalFishingWatch pipe-loitering: consecutive hours with a mean below 2.0 knots, nothing else asked
    "gfw_source": {"loitering": _any_run(3_600.0, border=3_600.0)},
    # its product: mean distance from shore 20 nm and more (ours: the offshore profile, 24 nm)
    "gfw_product": {"loitering": _any_run(3_600.0, border=NEVER_S)},
    # Pew: below 2 knots for 4 h and more, 20 nm off and more
    "pew": {"loitering": _any_run(14_400.0, border=NEVER_S)},
    # RTEC: low speed or stopped for more than 1,800 s; close for more than 240 s, both slow or stopped, no tug or pilot
    "rtec": {
        "loitering": _any_run(1_800.0, border=1_800.0),
        "rendezvous": _within(500.0) | {"duration_s_min": 240.0, "reports_min": 2},
    },
    # MovingPandas' stop: within a diameter for a duration (here 5 nm, an hour), at whatever speed
    "movingpandas": {
        "loitering": {
            "speed_kn_max": 5.0,
            "radius_nm_max": 2.5,
            "net_over_path_max": 0.001,
            "duration_s_min": {"offshore": 3_600.0, "border": 3_600.0, "inshore": 3_600.0},
        }
    },
    "skylight_speed_range": {"loitering": _any_run(1_200.0, border=1_200.0)},
    # Miller 2018: loitering of 8 h and more; encounters within 500 m for 2 h and more, below 2 knots, 10 km off
    "miller2018": {"loitering": _any_run(28_800.0, border=NEVER_S), "rendezvous": _within(500.0) | {"duration_s_min": 7_200.0, "shore_ring_nm": RING_NM}},
    # GlobalFishingWatch encounters: within 500 m for 2 h and more, 10 km from a coastal anchorage (ours: from the coast), merged when less than 4 h
    # apart, median below 2 knots; gaps below an hour are interpolated (ours: bridged if nobody saw them apart); theirs extrapolates, ours does not
    "gfw_encounter": {
        "rendezvous": _within(500.0) | {"duration_s_min": 7_200.0, "merge_s": 14_400.0, "speed_kn_max": 2.0, "unheard_s_max": 3_600.0, "shore_ring_nm": RING_NM}
    },
    # few satellites, passes hours apart: our own
    "low_temporal_resolution": {"rendezvous": {"unheard_s_max": 14_400.0, "merge_s": 28_800.0}},
    "skylight_standard": {"rendezvous": _within(250.0) | {"duration_s_min": 1_800.0}},
    # Starboard: below 2 knots for 4 h and more; below 200 m for 30 min, not within 10 km of the shore, merged when less than 12 h apart
    "starboard": {
        "loitering": _any_run(14_400.0, border=14_400.0) | {"gap_s_max": 86_400.0},
        "rendezvous": _within(200.0) | {"duration_s_min": 1_800.0, "merge_s": 43_200.0, "shore_ring_nm": RING_NM},
    },
    # MarineTraffic: within three lengths of the longer one (1,000 m at most) for 4 min and more
    "marinetraffic": {
        "rendezvous": {"distance_m_floor": 1.0, "distance_m_ceiling": 1_000.0, "distance_loa_factor": 3.0, "duration_s_min": 240.0, "reports_min": 2}
    },
    # Global Fishing Watch's AIS disabling (Welch 2022): 12 h and longer, after 14 positions in the 12 h before, more than 50 nm offshore
    # (their satellite reception grid is not asked)
    "gfw_disabling": {"dark": _any_silence(43_200.0) | {"reports_1h_min": 1, "coast_nm_min": 50.0}},
    # pipe-gaps: any silence longer than 12 h (default of its class), 6 h (its pipeline), 4 h (in production)
    "gfw_naive": {"dark": _any_silence(43_200.0)},
    "gfw_naive_pipeline": {"dark": _any_silence(21_600.0)},
    "gfw_naive_production": {"dark": _any_silence(14_400.0)},
    "skylight_gap": {"dark": _any_silence(21_600.0)},
    "starboard_gap": {"dark": _any_silence(14_400.0)},
    "red_flag_8h": {"dark": _any_silence(28_800.0)},
    # GlobalFishingWatch: segments of one number that overlap for more than 24 hours
    "gfw_spoofed_mmsi": {"identity": {"hulls_s_min": 86_400.0}},
    # SeaSpoofFinder: jumps, and only where several vessels share source and target
    "seaspooffinder": {"position": {"enabled": False}, "gnss": {"vessels_min": 2}},
    # Skylight: entry of a drawn area, nothing else (theirs is told about an hour later)
    "skylight_area_entry": {"zone": {"belt": False, "approach": False, "coverage_needed": False}},
    # Windward IN_POLYGON: in or out with every report, without hysteresis
    "windward_in_polygon": {"zone": {"belt": False, "approach": False, "exit_nm": 0.0, "noise_m": 0.0, "coverage_needed": False}},
}


def preset(*names: str) -> Params:
    """Our defaults with presets laid over them, later ones over earlier ones. Raises ConfigError for an unknown name."""
    return rules_of({"presets": list(names)})


def rules_of(overrides: dict[str, Any], *, file: str = "profile") -> Params:
    """What a profile's `[detectors]` table says, on top of the presets that it names. Raises ConfigError."""
    names = overrides.get("presets", [])
    merged: dict[str, Any] = {}
    for name in names if isinstance(names, list) else [names]:
        if name not in PRESETS:
            raise ConfigError(f"no preset '{name}'", file=file, key="detectors.presets", remedy="known: " + ", ".join(sorted(PRESETS)))
        merged = _over(merged, PRESETS[name])
    return params_of(_over(merged, {key: value for key, value in overrides.items() if key != "presets"}), file=file)


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`, table by table."""
    both = dict(below)
    for key, value in above.items():
        both[key] = _over(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both
