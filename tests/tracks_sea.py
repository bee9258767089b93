"""A hand-made sea for the tests of tracks/: a flat geography, vessels drawn with a ruler, a receiver that hears them."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np

from dogwatch import blob
from dogwatch.batch import STATIC_DTYPE, Control, empty_batch, new_fixes, new_statics
from dogwatch.events import Event, ZoneRelation, to_json
from dogwatch.watermark import SourceClock, end_of_recording
from tracks.coverage import Coverage, cell_key
from tracks.params import Params
from tracks.shards import shards_step
from tracks.step import TrackState, track_step
from zones.geography import Places

T0 = 1_767_225_600_000  # 2026-01-01T00:00:00Z
NM_DEG = 1 / 60
LATENESS_MS = 120_000
WAYS = (  # what may become of a position row: each ends in exactly one
    *("buffered", "checksum", "no_time", "future", "duplicate", "duplicate_30s", "accepted", "no_position", "coarse", "same_time", "quarantined"),
    *("not_vessel", "late_used", "late", "table_full"),
)
STATICS_WAYS = tuple(f"statics_{way}" for way in ("buffered", "checksum", "no_time", "future", "joined", "other"))


class FlatSea:
    """Land west of 10 E (of any latitude), a harbour mask round 54 N 10.15 E, a watched zone round 54 N 10.02 E (inshore)."""

    version = "flat-1"

    def coast_distance_nm(self, lat_deg, lon_deg):
        off = (np.asarray(lon_deg) - 10.0) * 60 * np.cos(np.radians(np.asarray(lat_deg)))
        return np.clip(np.where(off < -3000, 60.0, off), 0.0, 60.0)

    def on_land(self, lat_deg, lon_deg):
        return self.coast_distance_nm(lat_deg, lon_deg) <= 0

    def masked(self, lat_deg, lon_deg):
        return (np.abs(np.asarray(lat_deg) - 54.0) < 0.05) & (np.abs(np.asarray(lon_deg) - 10.15) < 0.04)

    def watch_distance_nm(self, lat_deg, lon_deg):
        return np.maximum(0.0, self.coast_distance_nm(lat_deg, lon_deg) - 12.0)

    def port_distance_nm(self, lat_deg, lon_deg, cap_nm, radius_nm=2.0, t_ms=None):
        """The harbour of the mask, as a box; `radius_nm` is for ports of a table, of which there are none."""
        off = np.abs((np.asarray(lon_deg) - 10.15 + 180) % 360 - 180) - 0.04
        y_nm, x_nm = np.maximum(0.0, np.abs(np.asarray(lat_deg) - 54.0) - 0.05) * 60, np.maximum(0.0, off) * 60 * np.cos(np.radians(54.0))
        return np.minimum(np.hypot(y_nm, x_nm), cap_nm)

    def places(self, lat_deg, lon_deg, t_ms=None):
        at = lat_deg, lon_deg
        return Places(self.coast_distance_nm(*at), self.on_land(*at), self.masked(*at), self.watch_distance_nm(*at), self.in_zones(("watch",), *at))

    def relations_of(self, lat_deg, lon_deg, t_ms=None):
        return [self.relations(lat, lon) for lat, lon in zip(lat_deg.tolist(), lon_deg.tolist(), strict=True)]

    def has_zones(self, kinds):
        return "watch" in kinds

    def in_zones(self, kinds, lat_deg, lon_deg):
        return (np.abs(np.asarray(lat_deg) - 54.0) < 0.03) & (np.abs(np.asarray(lon_deg) - 10.02) < 0.03)

    def boxes(self, kinds):
        return np.array([[32_382_000, 5_994_000, 32_418_000, 6_030_000]])[: int("watch" in kinds)]

    has_cables = False

    def cable_distance_nm(self, lat_deg, lon_deg, cap_nm, t_ms=None):
        """No cable lies here."""
        return np.full(np.shape(lat_deg), float(cap_nm))

    def relations(self, lat_deg, lon_deg):
        off_nm = float(self.coast_distance_nm(np.array([lat_deg]), np.array([lon_deg]))[0])
        found = [ZoneRelation("belt-12nm", self.version, "territorial_sea", "inside" if off_nm <= 12 else "near", round(abs(off_nm - 12), 2))]
        if abs(lat_deg - 54.0) < 0.03 and abs(lon_deg - 10.02) < 0.03:
            found.append(ZoneRelation("cove", self.version, "watch", "inside", 0.0))
        return found


class OpenSea(FlatSea):
    """Ten miles off some coast, wherever on the globe: watched waters without land, harbour or zone."""

    version = "open-1"

    def coast_distance_nm(self, lat_deg, lon_deg):
        return np.full(np.shape(lat_deg), 10.0)

    def on_land(self, lat_deg, lon_deg):
        return np.zeros(np.shape(lat_deg), bool)

    masked = on_land

    def watch_distance_nm(self, lat_deg, lon_deg):
        return np.zeros(np.shape(lat_deg))

    def port_distance_nm(self, lat_deg, lon_deg, cap_nm, radius_nm=2.0, t_ms=None):
        return np.full(np.shape(lat_deg), float(cap_nm))

    def has_zones(self, kinds):
        return False

    def in_zones(self, kinds, lat_deg, lon_deg):
        return np.zeros(np.shape(lat_deg), bool)

    def relations(self, lat_deg, lon_deg):
        return [ZoneRelation("belt-12nm", self.version, "territorial_sea", "inside", 2.0)]


def track(mmsi, t_s, lat_deg, lon_deg, *, sog_kn=1.0, cog_deg=90.0, nav=0, kind=1, receiver=0, flags=0):
    """Fixes of one vessel at seconds `t_s` after T0; positions broadcast, longitudes wrapped."""
    t_s = np.asarray(t_s, float)
    rows = new_fixes(len(t_s))
    rows["mmsi"], rows["nav"], rows["msg_type"], rows["flags"] = mmsi, nav, kind, flags
    rows["t_ms"] = T0 + np.round(t_s * 1000).astype(np.int64)
    rows["t_rx_ms"] = rows["t_ms"]
    rows["lat"] = np.round(np.broadcast_to(lat_deg, t_s.shape) * 600_000)
    rows["lon"] = np.round(((np.broadcast_to(lon_deg, t_s.shape) + 180) % 360 - 180) * 600_000)
    rows["sog"] = np.round(np.broadcast_to(sog_kn, t_s.shape) * 10)
    rows["cog"] = np.round(np.broadcast_to(cog_deg, t_s.shape) * 10) % 3600
    rows["sec"] = (t_s % 60).astype(int)
    rows["src"] = receiver
    rows["receivers"] = np.uint64(1) << np.uint64(receiver)
    return rows


def every(step_s, hours, start_s=0.0):
    """Report times in seconds."""
    return np.arange(start_s, start_s + hours * 3600, step_s)


def static(mmsi, t_s=0.0, *, ship_type=0, loa_m=0, name=""):
    """One static row that carries name, type and size."""
    rows = new_statics(1)
    rows["mmsi"], rows["t_ms"], rows["msg_type"] = mmsi, T0 + int(t_s * 1000), 5
    rows["ship_type"], rows["bow"], rows["name"], rows["has"] = ship_type, loa_m, name.encode(), 7
    return rows


def lane_traffic(hours=2.0, vessels=16, lat_deg=54.5, lon_deg=10.3, length_deg=0.5, step_s=30.0, first_mmsi=219_000_000):
    """Vessels that run up and down a lane at 12 kn: peers and coverage. The lane runs north from `lat_deg`."""
    rows = []
    for k in range(vessels):
        t = every(step_s, hours, start_s=k)
        along = (k * length_deg * 2 / vessels + t * 12 / 3600 / 60) % (2 * length_deg)
        north = along < length_deg
        lat = lat_deg + np.where(north, along, 2 * length_deg - along)
        rows.append(track(first_mmsi + k, t, lat, lon_deg + 0.01 * (k % 3), sog_kn=12.0, cog_deg=np.where(north, 0.0, 180.0)))
    return in_order(*rows)


def well_heard(lat_deg=(53.5, 56.0), lon_deg=(9.9, 11.2), blocks=300, missed=0, receiver="receiver 0"):
    """Coverage in which a receiver has heard every cell of a box `blocks` times, both classes."""
    return heard_too(Coverage(), receiver, lat_deg, lon_deg, blocks, missed)


def heard_too(coverage, receiver, lat_deg=(53.5, 56.0), lon_deg=(9.9, 11.2), blocks=300, missed=0):
    """A coverage to which another receiver's box is added."""
    group = coverage.group(receiver)
    keys = [
        cell_key(round(lat * 600_000), round(lon * 600_000), class_b, group)
        for lat in np.arange(lat_deg[0], lat_deg[1], 0.1) + 0.05
        for lon in np.arange(lon_deg[0], lon_deg[1], 0.1) + 0.05
        for class_b in (0, 1)
    ]
    cells = np.array(sorted(keys), np.int64)
    coverage.learn(np.repeat(cells, blocks), np.repeat(cells, missed))
    return coverage


def in_order(*parts):
    """Rows of several tracks in order of time, as a quick receiver hears them."""
    rows = np.concatenate(parts)
    return rows[np.argsort(rows["t_ms"], kind="stable")]


def shuffled(rows, seed, lateness_ms=LATENESS_MS):
    """The same rows in another arrival order, none of them late."""
    jitter = np.random.default_rng(seed).integers(0, lateness_ms - 1000, len(rows))
    return rows[np.argsort(rows["t_ms"] + jitter, kind="stable")]


def stamped(fixes, statics=None, lateness_ms=LATENESS_MS):
    """(fixes, statics, watermark after each fix) as a lane would stamp them, in arrival order."""
    fixes = fixes.copy()
    statics = np.empty(0, STATIC_DTYPE) if statics is None else statics.copy()
    clock = SourceClock(lateness_ms)
    clock.stamp(fixes, statics)
    newest = np.maximum.accumulate(np.where(fixes["flags"] & (1 << 16), -(1 << 62), fixes["t_ms"]))
    return fixes, statics, newest // 1000 * 1000 - lateness_ms


def watch(
    fixes, statics=None, *, coverage=None, params=None, cuts=(), control=(), restarts=(), capacity=1024, lateness_ms=LATENESS_MS, geography=None, only=()
):
    """Run a sea through track_step; returns (events, state).

    `cuts`: row numbers at which chunks end; `restarts`: numbers of chunks after which the state is saved and loaded. `only`: names of detectors that are
    on where others cost time and say nothing (a state that is loaded has all of them).
    """
    state = TrackState.new(params or Params(), geography or FlatSea(), coverage, capacity=capacity)
    assert not (only and restarts)
    state.detectors = [detector for detector in state.detectors if detector.NAME in only or not only]
    events, (state,) = run([state], fixes, statics, cuts=cuts, control=control, restarts=restarts, lateness_ms=lateness_ms)
    return events, state


def watch_sharded(shards, fixes, statics=None, *, coverage=None, params=None, geography=None, **more):
    """The same through shards_step, the vessels spread over so many tables; returns (events, states)."""
    states = [TrackState.new(params or Params(), geography or FlatSea(), coverage) for _ in range(shards)]
    return run(states, fixes, statics, step=shards_step, **more)


def run(states, fixes, statics=None, *, step=lambda states, *rest: track_step(states[0], *rest), cuts=(), control=(), restarts=(), lateness_ms=LATENESS_MS):
    """Run a sea through a step of one or more states; returns (events, states)."""
    fixes, statics, watermarks = stamped(fixes, statics, lateness_ms)
    events: list[Event] = []
    edges = [0, *sorted(set(cuts) - {0, len(fixes)}), len(fixes)]
    left, rows = sorted(control, key=lambda c: c.t_ms), statics
    for number, (start, stop) in enumerate(pairwise(edges)):
        batch = empty_batch()
        mark = int(watermarks[stop - 1])
        batch.fixes = fixes[start:stop]
        last = stop == len(fixes)
        heard = np.full(len(rows), True) if last else rows["t_ms"] <= fixes["t_ms"][start:stop].max()
        batch.statics, rows = rows[heard], rows[~heard]
        batch.control = [c for c in left if last or c.t_ms <= mark + lateness_ms]
        left = [c for c in left if not (last or c.t_ms <= mark + lateness_ms)]
        events += step(states, batch, mark)
        if number in restarts:
            states = [restarted(state) for state in states]
    events += step(states, empty_batch(), end_of_recording(int(fixes["t_ms"].max())))
    return events, states


def restarted(state):
    """A state, saved and loaded."""
    data = blob.pack(state.to_sections(), schema=1)
    loaded = TrackState.from_sections(blob.unpack(data, schema=1), state.params, state.geography)
    assert blob.pack(loaded.to_sections(), schema=1) == data, "a loaded state is the state that was saved"
    return loaded


def lines(events):
    """Events as the bytes of events.ndjson."""
    return b"\n".join(to_json(event) for event in sorted(events, key=lambda e: (e.t_detected, e.event_id, e.version)))


def last_versions(events, kind=None):
    """Newest version of every event, optionally of one type."""
    newest = {event.event_id: event for event in events}
    return [event for event in newest.values() if kind in (None, event.type)]


def shown(events, kind=None):
    """Last versions about vessels that people see: neither candidate nor retracted."""
    return [event for event in last_versions(events, kind) if event.state in ("open", "closed") and event.type != "system"]


def versions(events, shift_ms=0, turn_deg=0.0):
    """All that was ever told, as a sea says it that lies `shift_ms` earlier and `turn_deg` farther west: without ids, which hold the hour."""

    def west(name, value):
        return round((value - turn_deg + 180) % 360 - 180, 5) if (value is not None and name.split("_")[-1] == "lon") or name.startswith("lon_") else value

    told = [msgspec.to_builtins(event) for event in events]
    for one in told:
        one["measures"] = {name: west(name, value) for name, value in one["measures"].items()}
        one["lon"], one["event_id"], one["supersedes"] = west("lon", one["lon"]), "", bool(one.get("supersedes"))
        for name in ("t_start", "t_end", "t_detected"):
            one[name] = one[name] and one[name] - shift_ms
    return sorted(told, key=lambda one: (one["t_detected"], one["type"], one["subtype"], one["mmsi"], one["version"]))


def assert_balance(state):
    """Every row ended in exactly one counter."""
    c = state.counters
    assert c["rows_in"] == sum(c[name] for name in WAYS), c
    assert c["statics_in"] == sum(c[name] for name in STATICS_WAYS), c


def silent_source(start_s, stop_s):
    """Control rows: the only source falls silent and comes back."""
    return [Control(T0 + int(start_s * 1000), "source_silent", "rx"), Control(T0 + int(stop_s * 1000), "source_back", "rx")]
