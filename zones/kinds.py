"""Kinds of zones, and the properties that a zones file may give one. May hold: names and their meaning. May not: geometry, files.

A kind says what a zone is for. A sub-kind says more where a rule asks: what lies in a corridor, whether a mask is a berth.
- Zones that nobody has approved are of kind `proposal` wherever they are asked about, whatever they propose to be: so no
  rule, mask or detector can take a learned anchorage for an approved one. The only way to a mask is `approved: true`.
- Marine Regions (Flanders Marine Institute) names its attributes in its own way; `understood` turns them into ours.
"""

from __future__ import annotations

from typing import Any

KINDS = (
    "territorial_sea",
    "contiguous_zone",
    "eez",
    "border",
    "watch",
    "corridor",
    "crossing_point",
    "port",
    "anchorage",
    "area",
)
PROPOSAL = "proposal"  # no kind of a file: what a zone with `approved: false` is
NEEDS_AREA = ("port", "anchorage", "area", "corridor", "crossing_point")  # a line of these kinds says nothing unless it has a width
SUBKINDS: dict[str, tuple[str, ...]] = {
    "corridor": ("cable", "pipeline", "lane"),
    "port": ("harbour", "berth"),
    "eez": ("overlapping_claim", "joint_regime"),
    "area": ("protected", "fishing_ground", "exercise", "wind_farm", "platform"),
}
SIDES = ("left", "right")  # of a border, looking along it as it is drawn: the side that is inside
CAREFUL = ("kind", "subkind", "inside", "valid_from", "valid_to", "buffer_nm", "tolerance_nm", "approved")  # misspelt, a zone would change without a word
KNOWN = ("id", "name", "version", "owner", "source", "licence", "evidence", *CAREFUL)
SHIP_TYPES_MIN_IN_BORDER = 3  # a learned mask in the border belt (3 to 24 nm) needs so many types of ships

MARINE_REGIONS = "Marine Regions (Flanders Marine Institute)"
POLYGON_TYPES = {
    "200nm": ("eez", ""),
    "overlapping claim": ("eez", "overlapping_claim"),
    "joint regime": ("eez", "joint_regime"),
    "12nm": ("territorial_sea", ""),
    "24nm": ("contiguous_zone", ""),
}


def understood(properties: dict[str, Any]) -> dict[str, Any]:
    """The properties of a feature with those of Marine Regions in our words; what the file says in our words wins.

    Polygons: MRGID, GEONAME, POL_TYPE, TERRITORY1, SOVEREIGN1, ISO_SOV1; lines: LINE_ID, LINE_NAME, LINE_TYPE. In any case of letters.
    A baseline is no border and stays without a kind.
    """
    lower = {str(key).lower(): value for key, value in properties.items()}
    said: dict[str, Any] = {}
    if "mrgid" in lower and "geoname" in lower:
        number, name = lower["mrgid"], lower["geoname"]
        kind, subkind = POLYGON_TYPES.get(str(lower.get("pol_type") or "").replace(" NM", "NM").lower(), ("", ""))
        said = {"id": f"mr-{_whole(number)}", "name": name, "owner": lower.get("sovereign1") or lower.get("territory1"), "source": MARINE_REGIONS}
        said |= {"licence": "CC BY 4.0", "kind": kind or None, "subkind": subkind or None}
    elif "line_id" in lower and "line_type" in lower:
        kind = "" if "baseline" in str(lower["line_type"]).lower() else "border"
        said = {"id": f"mr-line-{_whole(lower['line_id'])}", "name": lower.get("line_name"), "owner": lower.get("sovereign1") or lower.get("territory1")}
        said |= {"source": f"{MARINE_REGIONS}: {lower['line_type']}", "licence": "CC BY 4.0", "kind": kind or None}
    return {**{key: value for key, value in said.items() if value is not None}, **properties}


def _whole(number: Any) -> str:
    return str(int(number)) if isinstance(number, float) and number == int(number) else str(number)
