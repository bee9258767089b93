"""Thresholds of the detectors, typed and with units in their names. May hold: numbers, their reasons, their hash.

May not: read files or know a detector. A profile's `[detectors.loitering]` table and its sisters override single values
(`params_of`); every event carries `params_hash`, so that a person can see which numbers decided.
Defaults are those of docs/behaviours. O, B, I = offshore (> 24 nm from the baseline), border (3-24 nm), inshore (< 3 nm).
"""

from __future__ import annotations

from functools import cached_property
from hashlib import blake2b
from typing import Annotated, Any

import msgspec

from dogwatch.errors import ConfigError

MOST = 1e8  # three years in seconds, and more than the globe in metres: what is larger, `inf` too, is a slip, and no integer of a kernel holds it
MOST_COUNT = 100_000_000
Positive = Annotated[float, msgspec.Meta(gt=0, le=MOST)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=MOST)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=MOST_COUNT)]

OFFSHORE_NM = 24.0
INSHORE_NM = 3.0


class ByDistance(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One threshold for each profile of distance from the baseline."""

    offshore: Positive
    border: Positive
    inshore: Positive

    def at(self, coast_nm: float) -> float:
        """The value that holds `coast_nm` nautical miles off the coast."""
        if coast_nm > OFFSHORE_NM:
            return self.offshore
        return self.inshore if coast_nm < INSHORE_NM else self.border


class Loitering(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A slow run without progress (docs/behaviours/loitering.md)."""

    enabled: bool = True
    speed_kn_max: Positive = 2.0
    duration_s_min: ByDistance = ByDistance(14_400.0, 3_600.0, 1_800.0)
    fast_share_max: Share = 0.20
    radius_nm_max: Positive = 5.0
    net_over_path_max: Share = 0.3
    resume_kn: Positive = 3.0
    resume_s: Positive = 900.0
    merge_s: NotNegative = 3_600.0
    unknown_s_max: NotNegative = 1_800.0  # buckets without a report are bridged up to here
    gap_s_max: NotNegative = 7_200.0  # a longer silence ends the run; it goes on if she is heard again so soon, no farther than she drifts
    reports_min: Count = 3  # real positions: two with hours between them do not say what was done meanwhile
    queue_nm: Positive = 3.0
    queue_others_min: Count = 3
    anchorage_radius_nm: Positive = 0.5  # the swing of a ship at anchor: who forgets to say so stays within it
    bow_apart_deg_max: NotNegative = 20.0  # of ships hove to: bows to one wind
    ground_nm: Positive = 10.0
    ground_others_min: Count = 3  # other fishing vessels so near: a fishing ground
    boats_min: Count = 2  # boats of a mother ship's own flag so near
    boat_loa_share_max: Share = 0.4  # of her length
    fishing_nm_min: NotNegative = 24.0  # farther off the coast who is a fishing vessel and says that it fishes does so
    work_nm: Positive = 1.0  # around platforms and wind farms
    doubt_max: Share = 0.6  # explanations that together doubt more than this suppress: two of 0.4 do, 0.4 and 0.3 do not
    confidence_cap: Share = 0.9


class Rendezvous(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Two transmitting vessels, close, slow and long enough (docs/behaviours/rendezvous.md)."""

    enabled: bool = True
    distance_m_floor: Positive = 150.0
    distance_m_ceiling: Positive = 500.0
    distance_loa_factor: Positive = 3.0
    speed_kn_max: Positive = 2.0
    speed_kn_gate: Positive = 3.0  # above it a report makes no contact; between the two only the median decides
    duration_s_min: Positive = 1_800.0
    transfer_grade_s: Positive = 7_200.0
    reports_min: Count = 3
    report_age_s_max: Positive = 360.0
    interpolation_s_max: NotNegative = 600.0  # a longer break of contact starts the duration anew
    unheard_s_max: NotNegative = 5_400.0  # so long a break does not either, if nobody saw them apart meanwhile
    merge_s: NotNegative = 14_400.0
    shore_ring_nm: NotNegative = 0.0  # nearer to the coast than this it is kept and not shown: peers' definitions have such a ring
    crowd_nm: Positive = 0.5
    anchorage_nm: Positive = 2.0  # the same where both say that they lie at anchor
    crowd_others_min: Count = 3  # so many more slow vessels beside an inshore pair: a harbour or anchorage that no zone shows
    weather_nm: Positive = 3.0
    bow_apart_deg_max: NotNegative = 20.0  # of ships hove to: bows to one wind
    still_kn_max: NotNegative = 0.5  # both at most so fast among ships at anchor: they lie at anchor too, whatever they say
    fleet_nm: Positive = 10.0
    boats_min: Count = 2  # boats of a mother ship's own flag so near, the partner among them
    boat_loa_share_max: Share = 0.4  # of her length
    doubt_max: Share = 0.6  # explanations that together doubt more than this suppress: two of 0.4 do, 0.4 and 0.3 do not
    pairs_max: Count = 200_000
    way_kn_min: NotNegative = 2.0  # under way: both so fast at least and at most, abreast of each other
    way_kn_max: Positive = 8.0
    way_m_max: Positive = 150.0
    way_apart_kn_max: Positive = 1.0  # length of the difference of their velocities
    way_apart_deg_max: Positive = 15.0
    way_duration_s_min: Positive = 1_200.0
    way_reports_min: Count = 10
    one_hull_s: Positive = 3_600.0  # closer than its length for so long on one course and never seen apart: two transponders of one hull
    approach_m: Positive = 2_000.0  # seen farther apart than this before, they came from different places
    partners_max: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 12  # more partners at once are a crowd, in which being close says nothing
    confidence_cap: Share = 0.95


class Dark(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Silence where a transmitter would have been heard (docs/behaviours/dark-period.md)."""

    enabled: bool = True
    candidate_s_a: Positive = 900.0
    candidate_s_b: Positive = 1_800.0
    candidate_p_max: Share = 1e-2
    suspicious_s_a: Positive = 1_800.0
    suspicious_s_b: Positive = 3_600.0
    suspicious_p_max: Share = 1e-4
    coverage_min: Share = 0.7
    coverage_sure: Share = 0.9  # where less is heard, who was heard ever less before has left our reach
    coverage_needed: bool = True  # false: any silence counts, as peers without a coverage model have it
    blocks_learned_min: Count = 20  # fewer 5-min blocks than this in a cell: coverage unknown
    reports_1h_min: Count = 10
    border_nm_max: NotNegative = 12.0
    inbound_s_max: NotNegative = 7_200.0
    coast_nm_min: Annotated[float, msgspec.Meta(ge=0, le=60)] = (
        0.0  # more is not measured; a silence that begins nearer to the coast is not shown (a peer's definition)
    )
    reach_factor: Positive = 1.2  # of its typical speed: how far it may have come since it was last heard
    peers_min: Count = 3
    peers_heard_min: Share = 0.8
    common_cause_share: Share = 0.5
    common_cause_s: Positive = 600.0
    p_floor_few_peers: Share = 1e-3
    speed_kn_min_b: NotNegative = 2.0
    gap_s_max: Positive = 86_400.0  # a silence this old is judged no more
    open_s_max: Positive = 604_800.0
    correct_s_max: Positive = 86_400.0  # late rows may correct a dark period this long after it ended
    prior: Share = 0.01
    confidence_cap: Share = 0.99


class Drift(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Slow, straight, across the bow (docs/behaviours/drift.md)."""

    enabled: bool = True
    window_s: Annotated[float, msgspec.Meta(ge=600, le=2_400)] = 2_400.0  # the trail is no longer
    speed_kn_min: NotNegative = 0.3
    speed_kn_max: Positive = 3.0
    net_m_min: Positive = 500.0
    net_over_path_min: Share = 0.8
    off_bow_deg_min: Annotated[float, msgspec.Meta(gt=0, lt=90)] = 40.0  # and as much off the stern: ahead or astern is propulsion
    across_share_min: Share = 0.75  # of the headings
    net_nm_min_blind: Positive = 0.5  # without headings: farther,
    spread_deg_max: Annotated[float, msgspec.Meta(gt=0, lt=90)] = 20.0  # straight,
    speed_before_kn_min: NotNegative = 5.0  # and faster before
    loa_m_min: NotNegative = 0.0  # 50 in a quiet profile
    fleet_nm: NotNegative = 8.0  # without headings: so many other slow vessels so near are a gale or a queue
    fleet_others_min: Count = 2
    company_nm: NotNegative = 0.3  # another slow vessel so near: a meeting or an aid rather than a drift
    keep_share: Share = 0.8  # of way, speed and straightness: enough for one that is adrift already
    merge_s: NotNegative = 3_600.0
    confidence_cap: Share = 0.9
    confidence_cap_blind: Share = 0.6


class Nuc(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The crew says "not under command" (docs/behaviours/drift.md)."""

    enabled: bool = True
    reports_min: Annotated[int, msgspec.Meta(ge=1, le=250)] = 2
    speed_kn_max: Positive = 4.0  # faster than that the motion does not fit
    lower_s: Positive = 600.0  # another status for so long: over
    silent_s: Positive = 3_600.0
    merge_s: NotNegative = 3_600.0
    confidence_cap: Share = 0.9


class SuddenStop(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """From sea speed to none within two minutes (docs/behaviours/sudden-stop.md)."""

    enabled: bool = True
    fast_kn: Positive = 7.0
    stopped_kn: Positive = 1.0
    resume_kn: Positive = 2.0
    within_s: Positive = 120.0
    sustained_s: Positive = 180.0
    loa_m_min: NotNegative = 0.0
    class_a_only: bool = False
    small_loa_m: NotNegative = 20.0  # class B shorter than that, or of unknown length, stops for many reasons
    alongside_nm: NotNegative = 0.3  # a vessel that lay so near before: going alongside
    berth_nm: NotNegative = 0.5  # so near to the coast a ferry or fast craft is at her pier
    fast_craft_kn: Positive = 20.0  # so near, who came at that speed is one
    open_s_max: Positive = 21_600.0  # then it has become another thing: she lies there
    merge_s: NotNegative = 3_600.0
    confidence_cap: Share = 0.8


class Aground(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The crew says so, or a sudden stop after which nothing moves (docs/behaviours/aground.md)."""

    enabled: bool = True
    reports_min: Annotated[int, msgspec.Meta(ge=1, le=250)] = 2
    still_s: Annotated[float, msgspec.Meta(ge=600, le=2_400)] = 1_800.0
    spread_m: Positive = 50.0
    speed_kn_max: Positive = 1.0  # faster than that the motion does not fit
    lower_s: Positive = 600.0  # another status for so long: no longer said
    silent_s: Positive = 3_600.0
    merge_s: NotNegative = 3_600.0
    confidence_cap: Share = 0.95  # said, and seen to stop
    confidence_cap_word: Share = 0.8
    confidence_cap_motion: Share = 0.6


class Assist(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Ships that turn to one place and lie there (docs/behaviours/assist.md)."""

    enabled: bool = True
    helpers_min: Annotated[int, msgspec.Meta(ge=2, le=MOST_COUNT)] = 2
    helpers_sure_min: Annotated[int, msgspec.Meta(ge=2, le=MOST_COUNT)] = 3  # so many excuse themselves even where no call was heard
    place_nm: Positive = 2.0
    turns_within_s: Positive = 1_800.0
    turn_deg_min: Annotated[float, msgspec.Meta(gt=0, lt=90)] = 30.0
    before_kn_min: Positive = 5.0
    slow_kn: Positive = 3.0
    aim_nm_max: Positive = 0.7  # so far from the straight way to the place she may stray
    passage_s: Positive = 1_800.0  # a fishing vessel that went along one course for so long before she turned did not fish
    keep_s: Positive = 5_400.0  # after that an arrival meets no other
    leave_s: Positive = 1_200.0  # fewer than two have been there for so long: over
    crowd_others_min: Count = 3  # other slow vessels there: a waiting place
    aircraft_nm: Positive = 5.0  # a rescue aircraft heard so near to the place,
    aircraft_s: Positive = 1_800.0  # so lately, makes it sure
    confidence_cap: Share = 0.9
    confidence_cap_no_call: Share = 0.7


class Collision(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Two vessels that will pass too close if nobody gives way (docs/behaviours/collision-risk.md)."""

    enabled: bool = True
    everywhere: bool = False  # else only inside zones of these kinds
    zone_kinds: tuple[str, ...] = ("watch",)
    cpa_nm: NotNegative = 0.25
    cpa_nm_inshore: NotNegative = 0.1  # within 3 nm of the coast, whatever the lengths
    loa_factor: NotNegative = 3.0
    turn_deg_max: Positive = 10.0  # in the minute before it is told: who turns is not where a straight way leads
    tcpa_s_max: Positive = 1_200.0
    range_nm: Positive = 6.0
    speed_kn_min: Positive = 3.0
    speed_kn_apart_min: Positive = 0.5  # relative: slower, they go together
    age_s_max: Positive = 60.0
    sustained_s: NotNegative = 60.0
    lower_s: Positive = 120.0
    revise_s: Positive = 300.0
    merge_s: NotNegative = 1_800.0
    course_apart_deg_max: Annotated[float, msgspec.Meta(gt=0, le=180)] = 180.0
    present_counts: bool = False  # the distance now, too, not only the closest approach to come
    small_loa_m: NotNegative = 20.0
    ferries_m_min: NotNegative = 120.0  # ferries of a line pass each other every day, not nearer than that
    confidence_cap: Share = 0.8


class Anomaly(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A vessel that does not go on as it went (docs/behaviours/anomaly.md). Low weight: operators switch such rules off."""

    enabled: bool = True
    step_kn_min: Positive = 4.0
    deviations_min: Positive = 5.0
    legs_min: Annotated[int, msgspec.Meta(ge=3, le=20)] = 8  # of five minutes, under way, before the change
    turn_deg_min: Annotated[float, msgspec.Meta(gt=0, lt=90)] = 60.0
    excursions_only: bool = True  # a turn is told only when she takes her old course up again: every route has turns
    turn_deg_max: Annotated[float, msgspec.Meta(gt=0, le=180)] = 165.0  # beyond: back where she came from, as ferries, searches and waiting ships do
    turn_kn_min: Positive = 5.0
    steady_legs_min: Annotated[int, msgspec.Meta(ge=2, le=20)] = 6
    bound_factor: Positive = 1.2
    slow_kn: Positive = 3.0  # slower is another matter: stops, drift, loitering
    lane_nm: Positive = 3.0  # another vessel that goes the new way so near: a lane turns here
    lane_deg: Positive = 25.0
    pilotage_nm: Positive = 5.0  # so near to a port everybody slows down and turns
    place_visits_min: Count = 5_000  # looks at ships under way in a square of a mile: before that it is not known who goes there
    place_share_max: Share = 0.001  # of them of her type and size: she is odd there
    place_looks_min: Count = 3  # in a row, ten minutes apart, in such squares
    place_lower_looks: Count = 5  # in others: over
    place_loa_m_min: NotNegative = 50.0
    place_coverage_min: Share = 0.7  # a square where less of what is sent is heard says nothing about who goes there
    usual_s: Positive = 3_600.0  # then the new way is the usual one
    silent_s: Positive = 900.0
    merge_s: NotNegative = 3_600.0
    confidence_cap: Share = 0.5


class ZoneLimits(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Zones entered and left, lines crossed and approached (docs/behaviours/zones-and-borders.md)."""

    enabled: bool = True
    belt: bool = True  # the built-in 12-mile belt counts as a zone
    kinds: tuple[str, ...] = ("territorial_sea", "contiguous_zone", "eez", "border", "watch", "corridor", "area")  # ports and anchorages are port visits
    exit_nm: NotNegative = 0.25  # so far outside: left at once
    noise_m: NotNegative = 25.0  # nearer than this to a zone that it was in: still inside
    approach: bool = True
    approach_s: Positive = 1_800.0
    approach_kn_min: Positive = 3.0
    approach_hold_s: NotNegative = 600.0  # headed for it so long at least: who only turns past it does not
    gap_expected_factor: Positive = 3.0
    gap_s_min: Positive = 600.0  # a shorter silence is reception: the moment between two reports is still told as one
    silence_p_max: Share = 1e-2  # a crossing in a gap is told if a vessel that transmits would be missed so long with no more than this chance
    coverage_needed: bool = True  # false: a crossing in any gap is told
    silent_s: Positive = 3_600.0  # silent for so long inside a zone: last known there
    confidence_cap: Share = 0.95


class RescueArea(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where and for how long a distress call or an assistance excuses who is slow there (docs/behaviours/assist.md)."""

    reach_nm: Positive = 5.0
    hold_s: Positive = 21_600.0  # after the last word of it
    before_s: NotNegative = 1_800.0  # what began earlier before the call has nothing to do with it


class DarkPartner(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A voyage interrupted as for a meeting, and nobody seen (docs/behaviours/dark-partner.md)."""

    enabled: bool = True
    transit_kn_min: Positive = 6.0
    transit_s_min: Positive = 1_200.0
    slow_kn_max: Positive = 3.0
    slow_share_max: Share = 0.4  # of the transit's speed: slower by 60 %
    duration_s_min: Positive = 900.0
    duration_s_max: Positive = 43_200.0
    resume_deg_max: Positive = 45.0
    resume_share_min: Share = 0.7  # of the transit's speed: who goes on slower has had trouble, not company
    port_nm_min: NotNegative = 5.0
    partner_nm: Positive = 0.3  # a slow vessel that is heard so near is no dark partner
    silent_s_min: Positive = 900.0
    silent_s_max: Positive = 43_200.0
    reach_kn: Positive = 25.0
    reach_nm: Positive = 60.0  # farther away nobody is looked for
    alone_cap: Share = 0.4
    silent_gain: Share = 0.3
    crowd_cap: Share = 0.2


class PortVisit(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """In from the sea, stopped or silent in port, out again (docs/behaviours/port-visit.md)."""

    enabled: bool = True
    radius_nm: Positive = 2.0  # around a port of the table; zones of kind port and anchorage are taken as drawn
    exit_nm: Positive = 0.54  # 1 km beyond the port's waters: out again
    stop_kn_max: NotNegative = 0.2
    resume_kn: Positive = 0.5
    gap_s_min: Positive = 14_400.0  # silent so long in port: as good as a stop
    leg_s_max: Positive = 3_600.0  # the edge was crossed between two reports farther apart than this: nobody knows when
    level_min: Annotated[int, msgspec.Meta(ge=1, le=4)] = 3  # less sure visits are not reported


class Position(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A place that cannot be true (docs/behaviours/position-anomaly.md)."""

    enabled: bool = True
    jump_nm_min: Positive = 5.0
    jump_kn_over: NotNegative = 5.0  # above the v_max of the vessel's type
    jump_silent_s_max: Positive = 1_800.0  # between the two places; after a longer silence the number may have another ship
    offset_nm_min: Positive = 1.0  # a shorter jump than jump_nm_min is an offset when it stays
    offset_s_min: Positive = 1_800.0
    reports_min: Count = 3
    inland_nm: Positive = 0.54  # 1 km: finer than the coast that is built in is true (1:10 million), so no alarm without a jump or a contradiction
    circle_residual_max: Share = 0.05  # of the radius, root mean square
    circle_turns_min: Positive = 1.5
    circle_course_share_min: Share = 0.5  # of reports whose course is more than 45 degrees off; courses out of nowhere reach 0.75
    circle_radius_nm_max: Positive = 5.0
    mismatch_reports_min: Count = 10
    mismatch_s_min: Positive = 300.0
    mismatch_share_min: Share = 0.7
    reach_share: Annotated[float, msgspec.Meta(gt=0.5, lt=1)] = 0.999  # of all that a receiver hears lies within its range
    reach_factor: Annotated[float, msgspec.Meta(ge=1, le=MOST)] = 1.5
    reach_nm_min: Positive = 60.0  # any mast may hear so far
    reach_nm_max: Positive = 150.0  # no mast does
    reach_blocks_min: Positive = 1_000.0  # five minutes of one vessel under way each: less heard, and nothing is known of its reach
    reach_s_min: Positive = 600.0
    reach_others_nm: Positive = 50.0
    reach_others_max: Annotated[int, msgspec.Meta(ge=0, le=MOST_COUNT)] = 2  # more about there beyond reach too: the air carries far, or the mast has moved
    lost_s_min: Positive = 300.0
    smooth: bool = False  # look for tracks too smooth to be sailed; profiles switch it on
    smooth_s_min: Positive = 3_600.0  # of ten minutes each in which she kept one line and one speed to the last digit
    smooth_m_max: Positive = 0.5  # off that line
    smooth_kn_min: Positive = 5.0
    smooth_confidence_cap: Share = 0.5  # an autopilot on a calm sea: supporting evidence only
    merge_s: NotNegative = 1_800.0
    settle_s: Positive = 86_400.0  # a place kept for so long after a jump is its place
    confidence_cap: Share = 0.9
    confidence_cap_one_receiver: Share = 0.6


class Identity(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who a vessel says it is, when that cannot be (docs/behaviours/identity.md)."""

    enabled: bool = True
    reports_min: Count = 3
    hulls_s_min: Positive = 1_800.0
    hulls_nm_far: Positive = 10.0  # nearer than that two tracks need another sign that they are two sets
    turns_reports_min: Count = 30  # of either hull
    turns_share_min: Share = 0.8  # of the changes from one to the other that taking turns would bring
    turns_rate_min: Annotated[float, msgspec.Meta(gt=1, le=MOST)] = 1.4  # times the reports that one set may send
    stale_m_max: Positive = 50.0
    stale_places_min: Count = 3  # so many of the newest places on the other track's trail: copies of its reports
    change_fields_min: Count = 2
    change_size_share_min: Share = 0.2
    change_steady_s: Positive = 900.0  # the old particulars are not heard again for so long: two rounds of six minutes
    change_days_max: Positive = 30.0
    spelling_edits_max: Count = 2
    handover_s_max: Positive = 7_200.0
    handover_nm_max: Positive = 10.0
    handover_nm_min: Positive = 1.0  # allowed in any case; then
    handover_share_max: Share = 0.2  # of the way reckoned
    handover_size_m_max: NotNegative = 1.0
    imo_shared_s: Positive = 86_400.0
    silent_s: Positive = 21_600.0  # not heard for so long: the event ends
    confidence_cap: Share = 0.9


class Gnss(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Several vessels whose places fail together (docs/behaviours/gnss-area.md)."""

    enabled: bool = True
    vessels_min: Count = 3
    window_s: Positive = 1_800.0
    source_nm: Positive = 10.0
    target_nm: Positive = 5.0
    lost_share_min: Share = 0.3
    merge_s: NotNegative = 1_800.0
    confidence_cap: Share = 0.9


class Infra(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Over a cable, creeping toward one, dragging an anchor near one (docs/behaviours/infra.md)."""

    enabled: bool = True
    over_kn: Positive = 1.0  # inside a corridor slower than this
    over_s_min: Positive = 600.0
    loiter_kn: Positive = 2.0  # or slower than this
    loiter_s_min: Positive = 1_200.0
    anchored_s_min: Positive = 120.0  # or at anchor by its own word
    leave_s: NotNegative = 120.0  # outside for so long: out
    approach_kn: Positive = 3.0
    approach_kn_min: Positive = 0.8  # slower than this a course says nothing
    approach_s_min: Positive = 300.0  # headed for it so long, or no more
    eta_s_max: Positive = 1_800.0
    drag_share_max: Share = 0.75  # of its own two-hour median
    drag_share_end: Share = 0.85
    drag_kn_min: Positive = 2.0
    drag_kn_max: Positive = 10.0
    drag_s_min: Positive = 900.0
    base_kn_min: Positive = 5.0  # slower before: it was not on passage
    steady_deg: Annotated[float, msgspec.Meta(gt=0, lt=85)] = 20.0
    cable_nm: Positive = 10.0  # how near a corridor must be, on its way
    swing_nm: Positive = 0.2
    loa_m_unknown: Positive = 100.0
    weighed_kn: Positive = 4.0  # faster: the anchor is up, whatever the status says
    noise_m: NotNegative = 30.0
    drag_anchor_s_min: Positive = 600.0
    silent_s: Positive = 3_600.0
    confidence_cap: Share = 0.9


class WatchlistRule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A vessel that tells what a watchlist has (docs/watchlists.md)."""

    enabled: bool = True
    near_nm: NotNegative = 12.0  # so near to a border or watch zone a hit is told again
    renew_s: Annotated[float, msgspec.Meta(ge=3_600, le=864_000)] = 86_400.0  # and so often while it is heard


class Params(msgspec.Struct, forbid_unknown_fields=True, frozen=True, dict=True):  # dict: for the hash, which is made once
    """All thresholds of tracks/. `revise_s`: how often an open event may say how it goes on."""

    loitering: Loitering = Loitering()
    rendezvous: Rendezvous = Rendezvous()
    dark: Dark = Dark()
    infra: Infra = Infra()
    drift: Drift = Drift()
    nuc: Nuc = Nuc()
    sudden_stop: SuddenStop = SuddenStop()
    aground: Aground = Aground()
    assist: Assist = Assist()
    collision: Collision = Collision()
    anomaly: Anomaly = Anomaly()
    zone: ZoneLimits = ZoneLimits()
    rescue: RescueArea = RescueArea()
    dark_partner: DarkPartner = DarkPartner()
    port_visit: PortVisit = PortVisit()
    position: Position = Position()
    gnss: Gnss = Gnss()
    identity: Identity = Identity()
    watchlist: WatchlistRule = WatchlistRule()
    revise_s: Annotated[float, msgspec.Meta(ge=600, le=MOST)] = 1_800.0
    v_max_kn: Positive = 40.0  # farther than this in the time between two reports: not the same hull, or a jump
    v_max_kn_fast: Positive = 65.0  # high-speed craft and rescue boats (types 40-49, 51)
    v_max_kn_merchant: Positive = 30.0  # cargo ships and tankers (types 70-89)
    jump_slack_s: NotNegative = 30.0
    reacquire_reports: Count = 3
    vessels_max: Count = 2_000_000

    @property
    def reach(self) -> tuple[float, float, float, float]:
        """How far a hull can come, as `tracks.association` wants it: knots of an ordinary one, a fast one, a merchant ship; slack in s."""
        return (self.v_max_kn, self.v_max_kn_fast, self.v_max_kn_merchant, self.jump_slack_s)

    @cached_property
    def params_hash(self) -> str:
        """16 hex digits that change with any threshold."""
        return blake2b(msgspec.json.encode(self), digest_size=8).hexdigest()


def params_of(overrides: dict[str, Any], *, file: str = "profile") -> Params:
    """Defaults with a profile's `[detectors]` table laid over them. Raises ConfigError on unknown keys and wrong values."""
    try:
        return msgspec.convert(overrides, Params)
    except msgspec.ValidationError as fault:
        raise ConfigError(str(fault), file=file, key="detectors", remedy="see docs/behaviours for the parameters") from fault
