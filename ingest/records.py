"""Records: one message as one typed value with units in the names, for all 28 types (ITU-R M.1371-5 and -6, Annex 8).

May live here: what each message says and where it stands in it. May not: how fields are read (fields.py), columns, files.

The class is the layout: every field carries its place. Missing is None by the rules of `fields.py`, never a sentinel. Positions
and statics are columns on the way to the tracks; a record is for whoever wants a whole message: `dogwatch decode --records`,
the messages that have no columns (`Batch.others`), tests. Application messages inside types 6 and 8 are read by pyais where
it knows them (`application`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, get_type_hints

import msgspec
import numpy as np
import pyais
from pyais.exceptions import AISBaseException

from dogwatch.batch import Batch
from ingest import fields as f
from ingest.fields import COARSE, Read
from ingest.payload import Payload

Whole = int | None
Real = float | None
Flag = bool | None
Text = str | None
FIX_STATES = {61: "manual", 62: "dead_reckoning", 63: "inoperative"}
TO_END = 1000  # characters: more than any message has


class Record(msgspec.Struct, frozen=True):
    """What every message begins with."""

    msg_type: Annotated[int, f.number(0, 6)]
    repeat: Annotated[int, f.number(6, 2)]  # how often it was relayed
    mmsi: Annotated[int, f.number(8, 30)]


class PositionReport(Record, frozen=True):
    """Types 1, 2, 3: a class A ship under way, by schedule, by assignment, or asked."""

    nav_status: Annotated[Whole, f.number(38, 4, none=15)] = None
    rot_deg_min: Annotated[Real, f.turn(42, 143)] = None
    turning_fast: Annotated[Text, f.choice(42, 8, {127: "starboard", 129: "port"}, 143)] = None  # over 5 degrees in 30 s, rate unknown
    sog_kn: Annotated[Real, f.number(50, 10, none=1023, per=10, need=143)] = None  # 102.2 = that or more
    accurate: Annotated[Flag, f.flag(60, 143)] = None  # within 10 m
    lat: Annotated[Real, f.latitude(61, 143)] = None
    lon: Annotated[Real, f.longitude(61, 143)] = None
    cog_deg: Annotated[Real, f.number(116, 12, top=3599, per=10, need=143)] = None
    heading_deg: Annotated[Whole, f.number(128, 9, top=359, need=143)] = None
    utc_second: Annotated[Whole, f.number(137, 6, top=59, need=143)] = None
    fix_state: Annotated[Text, f.choice(137, 6, FIX_STATES, 143)] = None
    maneuver: Annotated[Whole, f.number(143, 2, none=0)] = None
    raim: Annotated[Flag, f.flag(148)] = None
    radio: Annotated[Whole, f.number(149, 19)] = None


class Clock(Record, frozen=True):
    """Types 4 and 11: a base station, or a ship that was asked, says what time it is. A claim: clocks may be 1,024 weeks off."""

    utc: Annotated[Text, f.utc(38)] = None
    accurate: Annotated[Flag, f.flag(78, 134)] = None
    lat: Annotated[Real, f.latitude(79, 134)] = None
    lon: Annotated[Real, f.longitude(79, 134)] = None
    epfd: Annotated[Whole, f.number(134, 4, none=0)] = None  # kind of position source
    long_range: Annotated[Flag, f.flag(138)] = None
    raim: Annotated[Flag, f.flag(148)] = None
    radio: Annotated[Whole, f.number(149, 19)] = None


class StaticVoyage(Record, frozen=True):
    """Type 5: who a class A ship is and where it says it is going."""

    ais_version: Annotated[Whole, f.number(38, 2)] = None
    imo: Annotated[Whole, f.number(40, 30, none=0)] = None  # as sent, also with a wrong check digit
    callsign: Annotated[Text, f.text(70, 7)] = None
    name: Annotated[Text, f.text(112, 20)] = None
    ship_type: Annotated[Whole, f.number(232, 8, none=0, need=270)] = None
    bow_m: Annotated[Whole, f.distance(240, 0, 270)] = None  # 511, and 63 to the sides: that or more
    stern_m: Annotated[Whole, f.distance(240, 1, 270)] = None
    port_m: Annotated[Whole, f.distance(240, 2, 270)] = None
    starboard_m: Annotated[Whole, f.distance(240, 3, 270)] = None
    epfd: Annotated[Whole, f.number(270, 4, none=0)] = None
    eta_month: Annotated[Whole, f.number(274, 4, none=0, top=12, need=302)] = None
    eta_day: Annotated[Whole, f.number(278, 5, none=0, need=302)] = None
    eta_hour: Annotated[Whole, f.number(283, 5, top=23, need=302)] = None
    eta_minute: Annotated[Whole, f.number(288, 6, top=59, need=302)] = None
    draught_m: Annotated[Real, f.number(294, 8, none=0, per=10, need=302)] = None  # 25.5 = that or more
    destination: Annotated[Text, f.text(302, 20, cut=True)] = None
    dte: Annotated[Flag, f.flag(422)] = None  # true: no terminal


class AddressedBinary(Record, frozen=True):
    """Type 6: an application message to one station."""

    sequence: Annotated[Whole, f.number(38, 2)] = None
    dest_mmsi: Annotated[Whole, f.number(40, 30)] = None
    retransmit: Annotated[Flag, f.flag(70)] = None
    dac: Annotated[Whole, f.number(72, 10)] = None  # who defines the application
    fid: Annotated[Whole, f.number(82, 6)] = None  # which of them it is
    data: Annotated[bytes | None, f.data(88)] = None
    data_bits: Annotated[Whole, f.data_bits(88)] = None


class Acknowledge(Record, frozen=True):
    """Types 7 and 13: up to four messages of types 6 or 12 have arrived."""

    dest1_mmsi: Annotated[Whole, f.number(40, 30, none=0, need=72)] = None
    sequence1: Annotated[Whole, f.number(70, 2)] = None
    dest2_mmsi: Annotated[Whole, f.number(72, 30, none=0, need=104)] = None
    sequence2: Annotated[Whole, f.number(102, 2)] = None
    dest3_mmsi: Annotated[Whole, f.number(104, 30, none=0, need=136)] = None
    sequence3: Annotated[Whole, f.number(134, 2)] = None
    dest4_mmsi: Annotated[Whole, f.number(136, 30, none=0, need=168)] = None
    sequence4: Annotated[Whole, f.number(166, 2)] = None


class BroadcastBinary(Record, frozen=True):
    """Type 8: an application message to all. 1/17 holds targets that a shore radar sees: they are nobody's own report and never fixes."""

    dac: Annotated[Whole, f.number(40, 10)] = None
    fid: Annotated[Whole, f.number(50, 6)] = None
    data: Annotated[bytes | None, f.data(56)] = None
    data_bits: Annotated[Whole, f.data_bits(56)] = None


class Aircraft(Record, frozen=True):
    """Type 9: an aircraft in search and rescue."""

    alt_m: Annotated[Whole, f.number(38, 12, none=4095, need=134)] = None  # 4094 = that or more
    sog_kn: Annotated[Whole, f.number(50, 10, none=1023, need=134)] = None  # 1022 = that or more
    accurate: Annotated[Flag, f.flag(60, 134)] = None
    lat: Annotated[Real, f.latitude(61, 134)] = None
    lon: Annotated[Real, f.longitude(61, 134)] = None
    cog_deg: Annotated[Real, f.number(116, 12, top=3599, per=10, need=134)] = None
    utc_second: Annotated[Whole, f.number(128, 6, top=59, need=134)] = None
    fix_state: Annotated[Text, f.choice(128, 6, FIX_STATES, 134)] = None
    alt_barometric: Annotated[Flag, f.flag(134)] = None
    dte: Annotated[Flag, f.flag(142)] = None
    assigned: Annotated[Flag, f.flag(146)] = None
    raim: Annotated[Flag, f.flag(147)] = None
    itdma: Annotated[Flag, f.flag(148)] = None  # how to read `radio`
    radio: Annotated[Whole, f.number(149, 19)] = None


class UtcInquiry(Record, frozen=True):
    """Type 10: what time is it with you?"""

    dest_mmsi: Annotated[Whole, f.number(40, 30)] = None


class AddressedText(Record, frozen=True):
    """Type 12: safety text to one station."""

    sequence: Annotated[Whole, f.number(38, 2)] = None
    dest_mmsi: Annotated[Whole, f.number(40, 30)] = None
    retransmit: Annotated[Flag, f.flag(70)] = None
    text: Annotated[Text, f.text(72, TO_END, cut=True)] = None


class BroadcastText(Record, frozen=True):
    """Type 14: safety text to all."""

    text: Annotated[Text, f.text(40, TO_END, cut=True)] = None


class Interrogation(Record, frozen=True):
    """Type 15: up to two messages asked of one station, and one of another. Type 0 asks nothing."""

    dest1_mmsi: Annotated[Whole, f.number(40, 30, none=0)] = None
    type1_1: Annotated[Whole, f.number(70, 6, none=0, need=88)] = None
    offset1_1: Annotated[Whole, f.number(76, 12)] = None
    type1_2: Annotated[Whole, f.number(90, 6, none=0, need=108)] = None
    offset1_2: Annotated[Whole, f.number(96, 12)] = None
    dest2_mmsi: Annotated[Whole, f.number(110, 30, none=0, need=158)] = None
    type2_1: Annotated[Whole, f.number(140, 6, none=0, need=158)] = None
    offset2_1: Annotated[Whole, f.number(146, 12)] = None


class Assignment(Record, frozen=True):
    """Type 16: a shore station gives one or two ships their slots."""

    dest1_mmsi: Annotated[Whole, f.number(40, 30, need=92)] = None
    offset1: Annotated[Whole, f.number(70, 12, need=92)] = None
    increment1: Annotated[Whole, f.number(82, 10)] = None
    dest2_mmsi: Annotated[Whole, f.number(92, 30, need=144)] = None
    offset2: Annotated[Whole, f.number(122, 12, need=144)] = None
    increment2: Annotated[Whole, f.number(134, 10)] = None


class Corrections(Record, frozen=True):
    """Type 17: differential corrections from a reference station, and where it stands (to a tenth of a minute)."""

    lat: Annotated[Real, f.latitude(40, width=18, unit=COARSE)] = None
    lon: Annotated[Real, f.longitude(40, width=18, unit=COARSE)] = None
    data: Annotated[bytes | None, f.data(80)] = None
    data_bits: Annotated[Whole, f.data_bits(80)] = None


class ClassB(Record, frozen=True):
    """Type 18: a class B craft under way."""

    sog_kn: Annotated[Real, f.number(46, 10, none=1023, per=10, need=139)] = None
    accurate: Annotated[Flag, f.flag(56, 139)] = None
    lat: Annotated[Real, f.latitude(57, 139)] = None
    lon: Annotated[Real, f.longitude(57, 139)] = None
    cog_deg: Annotated[Real, f.number(112, 12, top=3599, per=10, need=139)] = None
    heading_deg: Annotated[Whole, f.number(124, 9, top=359, need=139)] = None
    utc_second: Annotated[Whole, f.number(133, 6, top=59, need=139)] = None
    fix_state: Annotated[Text, f.choice(133, 6, FIX_STATES, 139)] = None
    carrier_sense: Annotated[Flag, f.flag(141)] = None
    display: Annotated[Flag, f.flag(142)] = None
    dsc: Annotated[Flag, f.flag(143)] = None
    whole_band: Annotated[Flag, f.flag(144)] = None
    obeys_22: Annotated[Flag, f.flag(145)] = None
    assigned: Annotated[Flag, f.flag(146)] = None
    raim: Annotated[Flag, f.flag(147)] = None
    itdma: Annotated[Flag, f.flag(148)] = None
    radio: Annotated[Whole, f.number(149, 19)] = None


class ClassBExtended(Record, frozen=True):
    """Type 19: a class B craft under way, and who it is."""

    sog_kn: Annotated[Real, f.number(46, 10, none=1023, per=10, need=139)] = None
    accurate: Annotated[Flag, f.flag(56, 139)] = None
    lat: Annotated[Real, f.latitude(57, 139)] = None
    lon: Annotated[Real, f.longitude(57, 139)] = None
    cog_deg: Annotated[Real, f.number(112, 12, top=3599, per=10, need=139)] = None
    heading_deg: Annotated[Whole, f.number(124, 9, top=359, need=139)] = None
    utc_second: Annotated[Whole, f.number(133, 6, top=59, need=139)] = None
    fix_state: Annotated[Text, f.choice(133, 6, FIX_STATES, 139)] = None
    name: Annotated[Text, f.all_or_none(301, f.text(143, 20))] = None
    ship_type: Annotated[Whole, f.number(263, 8, none=0, need=301)] = None
    bow_m: Annotated[Whole, f.distance(271, 0, 301)] = None
    stern_m: Annotated[Whole, f.distance(271, 1, 301)] = None
    port_m: Annotated[Whole, f.distance(271, 2, 301)] = None
    starboard_m: Annotated[Whole, f.distance(271, 3, 301)] = None
    epfd: Annotated[Whole, f.number(301, 4, none=0)] = None
    raim: Annotated[Flag, f.flag(305)] = None
    dte: Annotated[Flag, f.flag(306)] = None
    assigned: Annotated[Flag, f.flag(307)] = None


class SlotManagement(Record, frozen=True):
    """Type 20: a base station keeps up to four groups of slots for itself."""

    offset1: Annotated[Whole, f.number(40, 12, none=0, need=70)] = None
    number1: Annotated[Whole, f.number(52, 4, none=0, need=70)] = None
    timeout1_min: Annotated[Whole, f.number(56, 3, none=0, need=70)] = None
    increment1: Annotated[Whole, f.number(59, 11)] = None
    offset2: Annotated[Whole, f.number(70, 12, none=0, need=100)] = None
    number2: Annotated[Whole, f.number(82, 4, none=0, need=100)] = None
    timeout2_min: Annotated[Whole, f.number(86, 3, none=0, need=100)] = None
    increment2: Annotated[Whole, f.number(89, 11)] = None
    offset3: Annotated[Whole, f.number(100, 12, none=0, need=130)] = None
    number3: Annotated[Whole, f.number(112, 4, none=0, need=130)] = None
    timeout3_min: Annotated[Whole, f.number(116, 3, none=0, need=130)] = None
    increment3: Annotated[Whole, f.number(119, 11)] = None
    offset4: Annotated[Whole, f.number(130, 12, none=0, need=160)] = None
    number4: Annotated[Whole, f.number(142, 4, none=0, need=160)] = None
    timeout4_min: Annotated[Whole, f.number(146, 3, none=0, need=160)] = None
    increment4: Annotated[Whole, f.number(149, 11)] = None


class AidToNavigation(Record, frozen=True):
    """Type 21: a buoy, a light, a beacon, real or virtual."""

    aid_type: Annotated[Whole, f.number(38, 5, none=0)] = None
    name: Annotated[Text, f.long_name(43, 20, 272, 14)] = None
    accurate: Annotated[Flag, f.flag(163, 219)] = None
    lat: Annotated[Real, f.latitude(164, 219)] = None
    lon: Annotated[Real, f.longitude(164, 219)] = None
    bow_m: Annotated[Whole, f.distance(219, 0, 249)] = None
    stern_m: Annotated[Whole, f.distance(219, 1, 249)] = None
    port_m: Annotated[Whole, f.distance(219, 2, 249)] = None
    starboard_m: Annotated[Whole, f.distance(219, 3, 249)] = None
    epfd: Annotated[Whole, f.number(249, 4, none=0)] = None
    utc_second: Annotated[Whole, f.number(253, 6, top=59)] = None
    fix_state: Annotated[Text, f.choice(253, 6, FIX_STATES)] = None
    off_position: Annotated[Flag, f.off_position(253)] = None
    status: Annotated[Whole, f.number(260, 8)] = None
    raim: Annotated[Flag, f.flag(268)] = None
    virtual: Annotated[Flag, f.flag(269)] = None
    assigned: Annotated[Flag, f.flag(270)] = None


class ChannelManagement(Record, frozen=True):
    """Type 22: a shore station sets channels in an area, or for two ships."""

    channel_a: Annotated[Whole, f.number(40, 12)] = None
    channel_b: Annotated[Whole, f.number(52, 12)] = None
    tx_rx: Annotated[Whole, f.number(64, 4)] = None
    low_power: Annotated[Flag, f.flag(68)] = None
    ne_lat: Annotated[Real, f.only_if(139, False, f.latitude(69, width=18, unit=COARSE))] = None
    ne_lon: Annotated[Real, f.only_if(139, False, f.longitude(69, width=18, unit=COARSE))] = None
    sw_lat: Annotated[Real, f.only_if(139, False, f.latitude(104, width=18, unit=COARSE))] = None
    sw_lon: Annotated[Real, f.only_if(139, False, f.longitude(104, width=18, unit=COARSE))] = None
    dest1_mmsi: Annotated[Whole, f.only_if(139, True, f.number(69, 30))] = None
    dest2_mmsi: Annotated[Whole, f.only_if(139, True, f.number(104, 30))] = None
    addressed: Annotated[Flag, f.flag(139)] = None
    narrow_a: Annotated[Flag, f.flag(140)] = None
    narrow_b: Annotated[Flag, f.flag(141)] = None
    zone_nm: Annotated[Whole, f.zone_nm(142)] = None


class GroupAssignment(Record, frozen=True):
    """Type 23: a shore station sets how often the craft in an area report."""

    ne_lat: Annotated[Real, f.latitude(40, width=18, unit=COARSE)] = None
    ne_lon: Annotated[Real, f.longitude(40, width=18, unit=COARSE)] = None
    sw_lat: Annotated[Real, f.latitude(75, width=18, unit=COARSE)] = None
    sw_lon: Annotated[Real, f.longitude(75, width=18, unit=COARSE)] = None
    station_type: Annotated[Whole, f.number(110, 4)] = None
    ship_type: Annotated[Whole, f.number(114, 8)] = None  # 0: all
    tx_rx: Annotated[Whole, f.number(144, 2)] = None
    interval: Annotated[Whole, f.number(146, 4)] = None  # code of table 78
    quiet_min: Annotated[Whole, f.number(150, 4)] = None


class StaticPartA(Record, frozen=True):
    """Type 24, part A: the name of a class B craft."""

    part: Annotated[Whole, f.number(38, 2)] = None
    name: Annotated[Text, f.text(40, 20)] = None


class StaticPartB(Record, frozen=True):
    """Type 24, part B: the rest of it. Craft of a parent ship (98MIDxxxx) name that ship instead of their size."""

    part: Annotated[Whole, f.number(38, 2)] = None
    ship_type: Annotated[Whole, f.number(40, 8, none=0, need=162)] = None
    vendor: Annotated[Text, f.text(48, 3)] = None
    model: Annotated[Whole, f.number(66, 4)] = None
    serial: Annotated[Whole, f.number(70, 20)] = None
    callsign: Annotated[Text, f.text(90, 7)] = None
    bow_m: Annotated[Whole, f.of_a_boat(False, f.distance(132, 0, 162))] = None
    stern_m: Annotated[Whole, f.of_a_boat(False, f.distance(132, 1, 162))] = None
    port_m: Annotated[Whole, f.of_a_boat(False, f.distance(132, 2, 162))] = None
    starboard_m: Annotated[Whole, f.of_a_boat(False, f.distance(132, 3, 162))] = None
    mothership_mmsi: Annotated[Whole, f.of_a_boat(True, f.number(132, 30, none=0))] = None
    epfd: Annotated[Whole, f.number(162, 4, none=0)] = None


class SingleSlotBinary(Record, frozen=True):
    """Type 25: an application message in one slot. Where its data begin is said by its own flags."""

    addressed: Annotated[Flag, f.flag(38)] = None
    structured: Annotated[Flag, f.flag(39)] = None
    dest_mmsi: Annotated[Whole, f.only_if(38, True, f.number(40, 30))] = None
    dac: Annotated[Whole, f.application(0, 10, 0)] = None
    fid: Annotated[Whole, f.application(10, 6, 0)] = None
    data: Annotated[bytes | None, f.body(0)] = None
    data_bits: Annotated[Whole, f.body_bits(0)] = None


class MultiSlotBinary(Record, frozen=True):
    """Type 26: the same in up to five slots, with the radio state in the last 20 bits."""

    addressed: Annotated[Flag, f.flag(38)] = None
    structured: Annotated[Flag, f.flag(39)] = None
    dest_mmsi: Annotated[Whole, f.only_if(38, True, f.number(40, 30))] = None
    dac: Annotated[Whole, f.application(0, 10, 20)] = None
    fid: Annotated[Whole, f.application(10, 6, 20)] = None
    data: Annotated[bytes | None, f.body(20)] = None
    data_bits: Annotated[Whole, f.body_bits(20)] = None
    itdma: Annotated[Flag, f.from_end(20, 1)] = None
    radio: Annotated[Whole, f.from_end(19, 19)] = None


class LongRange(Record, frozen=True):
    """Type 27: a position for satellites: steps of a tenth of a minute, whole knots, whole degrees."""

    accurate: Annotated[Flag, f.flag(38, 94)] = None
    raim: Annotated[Flag, f.flag(39, 94)] = None
    nav_status: Annotated[Whole, f.number(40, 4, none=15, need=94)] = None
    lat: Annotated[Real, f.latitude(44, 94, width=18, unit=COARSE)] = None
    lon: Annotated[Real, f.longitude(44, 94, width=18, unit=COARSE)] = None
    sog_kn: Annotated[Whole, f.number(79, 6, none=63, need=94)] = None  # 62 = that or more
    cog_deg: Annotated[Whole, f.number(85, 9, top=359)] = None
    delayed: Annotated[Flag, f.flag(94)] = None  # the position is over 5 s old


class SingleSlotAid(Record, frozen=True):
    """Type 28 (M.1371-6): an aid to navigation in one slot."""

    utc_second: Annotated[Whole, f.number(38, 6, top=59)] = None
    fix_state: Annotated[Text, f.choice(38, 6, FIX_STATES)] = None
    lat: Annotated[Real, f.latitude(44)] = None
    lon: Annotated[Real, f.longitude(44)] = None
    restricted_use: Annotated[Whole, f.number(99, 2)] = None
    station_type: Annotated[Whole, f.number(101, 3)] = None  # 4: virtual
    aid_type: Annotated[Whole, f.number(104, 7, none=0)] = None
    mrn: Annotated[Whole, f.number(111, 17, none=0)] = None  # last part of its IALA resource name
    dimension_type: Annotated[Whole, f.number(128, 4)] = None
    dimension_a: Annotated[Whole, f.number(132, 9)] = None
    dimension_b: Annotated[Whole, f.number(141, 11)] = None
    more_dimensions: Annotated[Flag, f.flag(152)] = None
    charted: Annotated[Flag, f.flag(153)] = None
    on_station: Annotated[Whole, f.number(154, 4)] = None
    status: Annotated[Whole, f.number(158, 8)] = None
    authenticated: Annotated[Flag, f.flag(167)] = None


TYPES: dict[int, type[Record]] = {
    **dict.fromkeys((1, 2, 3), PositionReport), 4: Clock, 5: StaticVoyage, 6: AddressedBinary, 7: Acknowledge, 8: BroadcastBinary, 9: Aircraft,
    10: UtcInquiry, 11: Clock, 12: AddressedText, 13: Acknowledge, 14: BroadcastText, 15: Interrogation, 16: Assignment, 17: Corrections, 18: ClassB,
    19: ClassBExtended, 20: SlotManagement, 21: AidToNavigation, 22: ChannelManagement, 23: GroupAssignment, 24: StaticPartA, 25: SingleSlotBinary,
    26: MultiSlotBinary, 27: LongRange, 28: SingleSlotAid,
}  # fmt: skip
PART_AT = 38  # type 24: two bits that say which part


def layout(kind: type[Record]) -> dict[str, Read]:
    """Field -> reader of a class, in the order of its fields."""
    return {name: hint.__metadata__[0] for name, hint in get_type_hints(kind, include_extras=True).items()}


CLASSES: tuple[type[Record], ...] = (*dict.fromkeys(TYPES.values()), StaticPartB)
_READERS = {kind: tuple(layout(kind).values()) for kind in CLASSES}


def record(sentence: bytes) -> Record | None:
    """One sentence with a whole message (a row of `Batch.others`: `raw[start:start + length]`) as a record.

    None for what is no such message: no payload, no MMSI, a type beyond 28, part 2 or 3 of type 24. The checksum is not looked at:
    the decoder has done that.
    """
    cells = sentence[TALKER_END:].split(b",", 7)
    if len(cells) < 7 or cells[6][:1] not in FILLS:
        return None
    payload = Payload(cells[5], 6 * len(cells[5]) - int(cells[6][:1]))
    kind = TYPES.get(payload.bits(0, 6)) if payload.has(38) else None
    if kind is StaticPartA:
        part = payload.bits(PART_AT, 2) if payload.has(PART_AT + 2) else 3
        kind = (StaticPartA, StaticPartB, None, None)[part]
    return kind(*[read(payload) for read in _READERS[kind]]) if kind else None


TALKER_END = 3  # a comma that stands in a talker separates nothing
FILLS = (b"0", b"1", b"2", b"3", b"4", b"5")


def records(batch: Batch) -> Iterator[tuple[np.void, Record]]:
    """The rows of `batch.others` (OTHER_DTYPE: times, flags, receiver) with what they say, in arrival order."""
    for row in batch.others:
        found = record(batch.raw[row["start"] : row["start"] + row["length"]])
        assert found is not None, "the decoder hands on nothing else"
        yield row, found


def application_fields(sentence: bytes) -> dict[str, Any] | None:
    """What an application message inside type 6 or 8 says, by pyais' names and as pyais gives it, sentinels included; None where
    pyais does not know the application (by DAC and FID) or cannot read this one.
    """
    try:
        message = pyais.decode(sentence)
        name = type(message).__name__
        if message.msg_type not in (6, 8) or name.endswith("Default"):
            return None
        fields: dict[str, Any] = message.asdict(enum_as_int=True)
    except (AISBaseException, ValueError, IndexError, TypeError, KeyError, AttributeError):
        return None
    head = {"msg_type", "repeat", "mmsi", "seqno", "dest_mmsi", "retransmit", "dac", "fid"}
    return {key: value for key, value in fields.items() if key not in head and not key.startswith("spare")}
