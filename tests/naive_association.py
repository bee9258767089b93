"""Slow, obvious twin of tracks/association.py: objects and lists, one rule after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from dogwatch.batch import COG_MISSING, F_CLASS_B, F_COARSE, F_LATE, LAT_MISSING, LON_MISSING, SOG_MISSING
from dogwatch.geo import KN_MS, M_PER_UNIT, NM_M, cos_lat, distance_m, lon_difference

HOUR_MS = 3_600_000


@dataclass
class Track:
    ordinal: int
    birth_ms: int
    belief: str
    t_ms: int | None = None
    at: tuple = ()
    speed_kn: float = -1.0
    cog: int = COG_MISSING
    reports: int = 0
    segment: int = 0
    turns: int = 0
    ship_type: int = 0
    class_b: bool = False
    both_classes: bool = False
    heard_ms: int | None = None
    loa_m: int = 0
    recent: list = field(default_factory=list)

    def reach_m(self, t, limits):
        ordinary, fast, merchant, slack_s = limits
        kn = fast if 40 <= self.ship_type <= 49 or self.ship_type == 51 else merchant if 70 <= self.ship_type <= 89 else ordinary
        dt_s = (t - self.t_ms) / 1000
        sprint_s = min(dt_s, 900)
        return (max(kn, 1.2 * self.speed_kn) * (sprint_s + slack_s) + max(12.0, 1.2 * self.speed_kn) * (dt_s - sprint_s)) * KN_MS

    def agrees(self, t, here, kn):
        way_m = max(kn, self.speed_kn, 0.0) * KN_MS * max(0, t - self.t_ms) / 1000
        return distance_m(*self.at, *here) <= 60.0 + 2.2 * way_m

    def away_m(self, t, here):
        d, dt_s = distance_m(*self.at, *here), (t - self.t_ms) / 1000
        if self.speed_kn < 0.5 or self.cog >= COG_MISSING or not 0 < dt_s <= 7200:
            return d
        way = self.speed_kn * KN_MS * dt_s / M_PER_UNIT
        lat = self.at[0] + int(way * cosine(self.cog))
        lon_off = int(way * cosine(900 - self.cog) / max(0.1, cos_lat(self.at[0])))
        dy = (here[0] - lat) * M_PER_UNIT
        dx = lon_difference(lon_difference(here[1], self.at[1]), lon_off) * M_PER_UNIT * cos_lat(here[0])
        return min(d, math.hypot(dx, dy))

    def is_copy(self, content, t):
        return any(c == content and t // 1000 - when <= 30 for when, c in self.recent)

    def remember(self, content, t):
        self.recent = [*self.recent, (t // 1000, content)][-3:]

    def die(self):
        self.belief, self.t_ms, self.speed_kn = "dead", None, -1.0


def cosine(tenth_deg):
    a = abs(tenth_deg) % 3600
    a = min(a, 3600 - a)
    if a <= 900:
        return 0.0 if a > 890 else cos_lat(a * 60_000)
    return 0.0 if 1800 - a > 890 else -cos_lat((1800 - a) * 60_000)


def content_of(row):
    """What makes two reports copies of each other."""
    return tuple(int(row[name]) for name in ("lat", "lon", "sog", "cog", "hdg", "nav", "sec", "rot", "msg_type", "radio"))


def follow(rows, limits, reacquire):
    """(reason and ordinal of every row, tracks by MMSI) of rows in canonical order."""
    tracks: dict[int, list[Track]] = {}
    told = [_take(row, tracks, limits, reacquire) for row in rows]
    return told, tracks


def _take(row, tracks, limits, reacquire):
    mmsi, t, kind = int(row["mmsi"]), int(row["t_ms"]), int(row["msg_type"])
    if not 200_000_000 <= mmsi <= 799_999_999 or kind in (4, 9, 11, 21, 28):
        return "not_vessel", None
    if row["flags"] & F_LATE:
        placed = kind != 27 and not row["flags"] & F_COARSE and int(row["lat"]) != LAT_MISSING and int(row["lon"]) != LON_MISSING
        head = tracks[mmsi][0] if mmsi in tracks else None
        if head is None and placed:
            (head,) = tracks[mmsi] = [Track(0, t, "believed")]
        if head and (head.heard_ms is None or t > head.heard_ms):
            head.heard_ms = t
            here = (int(row["lat"]), int(row["lon"]))
            lost = head.t_ms is None or (t - head.t_ms >= HOUR_MS and distance_m(*head.at, *here) <= head.reach_m(t, limits))
            if placed and len(tracks[mmsi]) == 1 and lost:
                head.t_ms, head.at, head.cog = t, here, int(row["cog"])
                head.class_b = bool(row["flags"] & F_CLASS_B) or kind in (18, 19)
                head.speed_kn = head.speed_kn if row["sog"] == SOG_MISSING else int(row["sog"]) / 10
            return "late_used", 0
        return "late", None
    chain = tracks.setdefault(mmsi, [Track(0, t, "believed")])
    head, here = chain[0], (int(row["lat"]), int(row["lon"]))
    kn = -1.0 if row["sog"] == SOG_MISSING else int(row["sog"]) / 10
    if LAT_MISSING in here or here[1] == LON_MISSING:
        head.heard_ms = max(t, head.heard_ms or t)
        return "no_position", 0
    if row["flags"] & F_COARSE or kind == 27:
        near = [v for v in chain if v.belief == "believed" and v.t_ms is not None and distance_m(*v.at, *here) <= 2 * NM_M]
        v = near[0] if near and len(chain) > 1 else head
        v.heard_ms = max(t, v.heard_ms or t)
        return "coarse", v.ordinal
    v, how = _where(chain, t, here, int(row["cog"]), kn, limits, reacquire)
    content = content_of(row)
    if how == "aside":
        head.heard_ms = max(t, head.heard_ms or t)
        if v is not None and not (v.reports and v.is_copy(content, t)):
            v.remember(content, t)
            v.reports, v.t_ms, v.at, v.cog, v.speed_kn = v.reports + 1, t, here, int(row["cog"]), kn
        return "quarantined", None if v is None else v.ordinal
    v.heard_ms = max(t, v.heard_ms or t)
    if how == "goes on" and v.is_copy(content, t):
        return "duplicate_30s", v.ordinal
    if how == "goes on" and t == v.t_ms:
        return "same_time", v.ordinal
    return _accept(v, row, t, here, kn, how)


def _accept(v, row, t, here, kn, how):
    if how == "goes on" and v.reports == 0:
        how = "born"
    v.remember(content_of(row), t)
    v.segment += how in ("jumped", "returned")
    if kn >= 0:
        v.speed_kn = kn
    elif how in ("goes on", "returned") and t - v.t_ms >= 30_000:
        v.speed_kn = distance_m(*v.at, *here) * 1000 / (t - v.t_ms) / KN_MS
    v.t_ms, v.at, v.cog = t, here, int(row["cog"])
    class_b = bool(row["flags"] & F_CLASS_B) or int(row["msg_type"]) in (18, 19)
    v.both_classes |= v.reports > 0 and class_b != v.class_b
    v.reports += 1
    v.ship_type = int(row["ship_type"]) or v.ship_type
    v.class_b = class_b
    return "accepted", v.ordinal


def _where(chain, t, here, cog, kn, limits, reacquire):
    head = chain[0]
    if head.t_ms is None:
        return head, "born"
    if len(chain) == 1:
        if t - head.t_ms > 60 * HOUR_MS:
            return head, "returned"
        if head.agrees(t, here, kn):
            return head, "goes on"
    v = _nearest(chain, t, here, kn, limits)
    if v is not None and t - v.t_ms >= 1_800_000 and _shared(chain):
        v, ambiguous = _after_silence(chain, t, here)
        if ambiguous:
            return v, "returned"
    if v is None and t - head.t_ms > 60 * HOUR_MS:
        return head, "returned"
    if v is None:
        v = _sister(chain, t)
        if v is not None:
            v.belief = "tentative"
        return v, "aside"
    if v.belief == "tentative":
        if v.reports + 1 < reacquire:
            return v, "aside"
        if head.t_ms >= v.birth_ms or t - head.t_ms > 60 * HOUR_MS or _shared(chain):
            v.belief, v.turns = "believed", 0
            v.heard_ms = v.t_ms
            return v, "born"
        usual_ms = (head.t_ms - head.birth_ms) // max(1, head.reports)
        if t - head.t_ms < max(480_000 if head.speed_kn < 3.0 else 120_000, 3 * usual_ms):
            return v, "aside"
        v.die()
        return head, "jumped"
    if v.belief == "beside":
        return _beside(head, v, t, here, cog, kn)
    if not v.agrees(t, here, kn):
        shadow = next((w for w in chain[1:] if w.belief == "shadow"), None)
        returns = shadow is not None and shadow.agrees(t, here, kn)
        if v is head and t == head.t_ms and not returns and _elsewhere(head, here, cog, kn):
            v = _sister(chain, t)
            if v is not None:
                v.belief = "beside"
            return v, "aside"
        _shadow(chain, v, t, here, cog, kn)
    return v, "goes on"


def _elsewhere(head, here, cog, kn):
    """In the head's second, and no antenna of hers, and neither ahead nor astern of her on either course."""
    if distance_m(*head.at, *here) <= 60.0 + head.loa_m:
        return False
    if max(kn, head.speed_kn) < 0.5:
        return min(kn, head.speed_kn) >= 0.0
    north, east = here[0] - head.at[0], lon_difference(here[1], head.at[1]) * cos_lat(here[0])
    courses = [course for course, speed in ((head.cog, head.speed_kn), (cog, kn)) if speed >= 3.0 and course < COG_MISSING]
    ways = [(cosine(course), cosine(900 - course)) for course in courses]
    ways.append((sum(y for y, _ in ways), sum(x for _, x in ways)))
    along = math.cos(math.radians(30)) * math.hypot(north, east)
    return bool(courses) and all(abs(north * y + east * x) <= along * math.hypot(y, x) * (1 + 1e-12) for y, x in ways)


def _beside(head, v, t, here, cog, kn):
    if t == head.t_ms and t != v.t_ms:
        if not _elsewhere(head, here, cog, kn):
            v.die()
            return head, "goes on"
        v.turns += 1
        if v.turns >= 4 and t - v.birth_ms >= 300_000:
            v.belief, v.turns, v.heard_ms = "believed", 0, v.t_ms
            return v, "born"
    return v, "aside"


def _shared(chain):
    return any(v.belief == "believed" for v in chain[1:])


def _after_silence(chain, t, here):
    """(track, whether a new segment begins there): of a number that several hulls share, where the nearest was silent."""
    suits = {}
    for v in chain:
        if v.belief in ("believed", "tentative") and v.t_ms is not None and t - v.t_ms <= 60 * HOUR_MS:
            hours = (t - v.t_ms) / HOUR_MS
            spent = math.sqrt(hours**2 + 0.25**2) / (1 + math.sqrt(hours))
            reach_m = max(25 * spent, 1.2 * v.speed_kn * min(hours, 1)) * NM_M
            if distance_m(*v.at, *here) <= reach_m:
                suits[v.ordinal] = math.exp(-((5 * v.away_m(t, here) / reach_m) ** 2)) / spent
    if not suits:
        return None, False
    best = max(suits, key=lambda ordinal: suits[ordinal])
    rivals = [ordinal for ordinal in suits if suits[ordinal] * 10 >= suits[best]]
    if len(rivals) < 2 or t - chain[best].t_ms < 1_800_000:
        return chain[best], False
    believed = [ordinal for ordinal in rivals if chain[ordinal].belief == "believed"]
    keep = 0 if 0 in rivals else best if best in believed or not believed else believed[0]
    for ordinal in rivals:
        if ordinal != keep:
            chain[ordinal].die()
    return chain[keep], chain[keep].belief == "believed"


def _shadow(chain, v, t, here, cog, kn):
    """The fix could have been reached, but not as told: is there a second hull that takes turns with this one?"""
    shadow = next((w for w in chain[1:] if w.belief == "shadow"), None)
    if shadow is not None and shadow.agrees(t, here, kn):
        turns = 0 if t == v.t_ms and not _elsewhere(v, here, cog, kn) else shadow.turns + 1
        mine, theirs = (v.t_ms, v.at, v.cog, v.speed_kn), (shadow.t_ms, shadow.at, shadow.cog, shadow.speed_kn)
        v.t_ms, v.at, v.cog, v.speed_kn = theirs
        shadow.t_ms, shadow.at, shadow.cog, shadow.speed_kn = mine
        shadow.turns = turns
        if turns >= 4:
            shadow.belief, shadow.turns = "believed", 0
            shadow.heard_ms = shadow.t_ms
        return
    if shadow is None:
        shadow = _sister(chain, t)
        if shadow is not None:
            shadow.belief = "shadow"
    else:
        shadow.turns = max(0, shadow.turns - 1)
    if shadow is not None:
        shadow.t_ms, shadow.at, shadow.cog, shadow.speed_kn = v.t_ms, v.at, v.cog, v.speed_kn


def _nearest(chain, t, here, kn, limits):
    agreeing, possible = [], []
    for v in chain:
        age_ms = 0 if v.t_ms is None else t - v.t_ms
        limit_ms = {"shadow": 900_000, "beside": 900_000, "tentative": 48 * HOUR_MS, "believed": 60 * HOUR_MS if v is not chain[0] else math.inf, "dead": 0}[
            v.belief
        ]
        if v.belief != "dead" and age_ms > limit_ms:
            v.die()
        if v.belief not in ("believed", "tentative") or v.t_ms is None or age_ms > 60 * HOUR_MS:
            continue
        near = distance_m(*v.at, *here) <= v.reach_m(t, limits)
        if v.agrees(t, here, kn) or (v.belief == "tentative" and near):
            agreeing.append((v.away_m(t, here), v.ordinal))
        elif near:
            possible.append((v.away_m(t, here), v.ordinal))
    beside = min([(v.away_m(t, here), v.ordinal) for v in chain if v.belief == "beside" and v.t_ms is not None and v.agrees(t, here, kn)], default=None)
    if beside and (not agreeing or min(agreeing)[0] > max(60.0, beside[0])):
        return chain[beside[1]]
    for found in (agreeing, possible):
        if found:
            return chain[min(found)[1]]
    return None


def _sister(chain, t):
    dead = next((v for v in chain[1:] if v.belief == "dead"), None)
    unsure = [v for v in chain[1:] if v.belief in ("tentative", "shadow", "beside")]
    if dead is None and len(chain) < 8:
        chain.append(Track(len(chain), t, ""))
        return chain[-1]
    old = dead or min(unsure, key=lambda v: v.t_ms, default=None)
    if old is None:
        quiet = [v for v in chain[1:] if v.belief == "believed" and t - v.t_ms >= HOUR_MS]
        if not quiet:
            return None
        old = min(quiet, key=lambda v: v.t_ms)
    chain[old.ordinal] = Track(old.ordinal, t, "")
    return chain[old.ordinal]
