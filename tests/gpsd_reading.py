"""What gpsd says of a message (its JSON with raw integers, `"scaled":false`), in the names and units of `ingest.records`.

Written from gpsd's documentation of its fields, not from our layouts: the sentinels of the standard stand here a second time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COARSE = {17, 22, 23, 27}
BINARY = {6, 8}  # of these only head and data: what an application says inside them is read elsewhere
HEAD = {"seqno", "dest_mmsi", "retransmit", "dac", "fid", "data"}
POSITIONS = {"lat": 90, "lon": 180, "ne_lat": 90, "ne_lon": 180, "sw_lat": 90, "sw_lon": 180}
# gpsd's field: (ours, raw values that mean nothing)
SAME: dict[str, tuple[str, tuple[Any, ...]]] = {
    "status": ("nav_status", (15,)), "accuracy": ("accurate", ()), "maneuver": ("maneuver", (0,)), "raim": ("raim", ()), "radio": ("radio", ()),
    "epfd": ("epfd", (0,)), "ais_version": ("ais_version", ()), "imo": ("imo", (0,)), "callsign": ("callsign", ("",)), "shipname": ("name", ("",)),
    "shiptype": ("ship_type", (0,)), "to_bow": ("bow_m", ()), "to_stern": ("stern_m", ()), "to_port": ("port_m", ()), "to_starboard": ("starboard_m", ()),
    "destination": ("destination", ("",)), "dte": ("dte", ()), "seqno": ("sequence", ()), "dest_mmsi": ("dest_mmsi", ()), "retransmit": ("retransmit", ()),
    "dac": ("dac", ()), "fid": ("fid", ()), "alt": ("alt_m", (4095,)), "text": ("text", ("",)), "mmsi1": ("dest1_mmsi", (0,)), "mmsi2": ("dest2_mmsi", (0,)),
    "mmsi3": ("dest3_mmsi", (0,)), "mmsi4": ("dest4_mmsi", (0,)), "type1_1": ("type1_1", (0,)), "type1_2": ("type1_2", (0,)), "type2_1": ("type2_1", (0,)),
    "offset1_1": ("offset1_1", ()), "offset1_2": ("offset1_2", ()), "offset2_1": ("offset2_1", ()), "band": ("whole_band", ()), "cs": ("carrier_sense", ()),
    "display": ("display", ()), "dsc": ("dsc", ()), "msg22": ("obeys_22", ()), "assigned": ("assigned", ()), "aid_type": ("aid_type", (0,)),
    "name": ("name", ("",)), "off_position": ("off_position", ()), "regional": ("status", ()), "virtual_aid": ("virtual", ()),
    "addressed": ("addressed", ()), "structured": ("structured", ()), "band_a": ("narrow_a", ()), "band_b": ("narrow_b", ()), "power": ("low_power", ()),
    "channel_a": ("channel_a", ()), "channel_b": ("channel_b", ()), "txrx": ("tx_rx", ()), "dest1": ("dest1_mmsi", ()), "dest2": ("dest2_mmsi", ()),
    "interval": ("interval", ()), "quiet": ("quiet_min", ()), "stationtype": ("station_type", ()), "model": ("model", ()), "serial": ("serial", ()),
    "gnss": ("delayed", ()),
}  # fmt: skip
for _i in "1234":
    SAME |= {f"offset{_i}": (f"offset{_i}", (0,)), f"number{_i}": (f"number{_i}", (0,)), f"timeout{_i}": (f"timeout{_i}_min", (0,))}
    SAME |= {f"increment{_i}": (f"increment{_i}", ())}


def gpsd_messages(path: Path) -> Iterator[dict[str, Any]]:
    """AIS objects of a .chk file, in order; what stands between them (sentences, GPS reports) is passed over."""
    text = path.read_text("utf-8", "replace")
    for found in re.finditer(r'\{"class":"AIS"', text):
        yield json.JSONDecoder().raw_decode(text, found.start())[0]


def as_record(said: dict[str, Any]) -> dict[str, Any]:
    """Fields by our names. Only what gpsd gives; None where its raw value means "not available" or is out of range."""
    kind = said["type"]
    out: dict[str, Any] = {}
    for name, raw in said.items():
        if kind in BINARY and name not in HEAD:
            continue
        if name in POSITIONS:
            unit = 600 if kind in COARSE else 600_000
            out[name] = round(raw / unit, 6) if abs(raw) <= POSITIONS[name] * unit else None
        elif name == "speed":
            out["sog_kn"] = None if raw == (63 if kind == 27 else 1023) else raw if kind in (9, 27) else raw / 10
        elif name == "course":
            out["cog_deg"] = (None if raw >= 360 else raw) if kind == 27 else None if raw >= 3600 else raw / 10
        elif name == "heading":
            out["heading_deg"] = None if raw >= 360 else raw
        elif name == "second":
            out["utc_second"] = None if raw >= 60 else raw
        elif name == "turn":
            out["rot_deg_min"] = None if abs(raw) >= 127 else round((raw / 4.733) ** 2 * (1 if raw >= 0 else -1), 2)
            out["turning_fast"] = {127: "starboard", -127: "port"}.get(raw)
        elif name == "draught" and kind == 5:
            out["draught_m"] = raw / 10 or None
        elif name == "eta" and kind == 5:
            month, day, hour, minute = (int(part) for part in re.findall(r"\d+", raw))
            out |= {"eta_month": month if 1 <= month <= 12 else None, "eta_day": day or None}
            out |= {"eta_hour": hour if hour < 24 else None, "eta_minute": minute if minute < 60 else None}
        elif name == "data":
            bits, _, digits = raw.partition(":")
            out |= {"data_bits": int(bits), "data": bytes.fromhex(digits) or None}
        elif name == "app_id":
            out |= {"dac": raw >> 6, "fid": raw & 63} if said["structured"] else {"dac": None, "fid": None}
        elif name == "radio" and kind == 18:  # here with the bit that says how to read it
            out |= {"itdma": bool(raw >> 19), "radio": raw & 0x7FFFF}
        elif name == "timestamp":
            year, month, day, hour, minute, second = (int(part) for part in re.findall(r"\d+", raw))
            out["utc"] = raw if 0 not in (year, month, day) and hour < 24 and minute < 60 and second < 60 else None
        elif name == "vendorid":  # seven characters, the last four of which are the model and serial of today
            out["vendor"] = raw[:3] or None
        elif (name, kind) == ("shiptype", 23):
            out["ship_type"] = raw
        elif name == "regional" and kind != 21:
            continue
        elif name == "zonesize":
            out["zone_nm"] = raw + 1
        elif name in SAME:
            ours, nothing = SAME[name]
            out[ours] = None if raw in nothing and not isinstance(raw, bool) else raw
    for first, second in (("lat", "lon"), ("ne_lat", "ne_lon"), ("sw_lat", "sw_lon")):
        if first in out and (out[first] is None or out[second] is None):
            out[first] = out[second] = None
    sizes = ("bow_m", "stern_m", "port_m", "starboard_m")
    if "bow_m" in out and not any(out[name] for name in sizes):
        out |= dict.fromkeys(sizes)
    return out
