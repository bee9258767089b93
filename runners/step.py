"""The product as pure functions: columns in, events and alerts out. May hold: the order of the steps and their joint state.

May not: clocks, files, sockets, threads, brokers. Every runner (embedded, replay, Kafka) calls these and nothing else,
so that the same recording gives the same bytes everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dogwatch import blob
from dogwatch.alerts import Alert, alert_order
from dogwatch.batch import Batch
from dogwatch.events import Event
from ingest.notices import Notices, notice_step
from risk.normality import Normality
from risk.profile import Profile
from risk.step import RiskState, risk_step
from runners.migrations import migrated, reaches
from tracks.coverage import Coverage
from tracks.params import Params
from tracks.step import TrackState, track_step
from watchlists.screen import Watchlists
from zones.geography import Geography

STATE_SCHEMA = 28  # grows with any change of a section, which runners/migrations.py then explains; a blob that it cannot is refused or rebuilt by replay


@dataclass(slots=True)
class Rules:
    """What a run decides with: detector parameters, scoring profile, the lines on the sea, lists of vessels. Fixed for a run, but for the lists."""

    params: Params
    profile: Profile
    geography: Geography
    watchlists: Watchlists = field(default_factory=Watchlists)
    normality: Normality | None = None  # absent: it adds nothing

    def detects_as(self, other: Rules) -> bool:
        """Whether both find the same events in the same columns: parameters and zones are the same, whatever the profile weighs."""
        return (self.params.params_hash, self.geography.version) == (other.params.params_hash, other.geography.version)


@dataclass(slots=True)
class Watch:
    """The whole state between decoder and alert."""

    track: TrackState
    risk: RiskState
    notices: Notices = field(default_factory=Notices)


def new_watch(rules: Rules, coverage: Coverage | None = None) -> Watch:
    """A watch that has seen nothing yet, but may know the coverage learned before."""
    return Watch(TrackState.new(rules.params, rules.geography, coverage, watchlists=rules.watchlists), RiskState.new(rules.profile, rules.normality))


def watch_step(watch: Watch, batch: Batch, watermark_ms: int, *, final: bool = False) -> tuple[list[Event], list[Alert]]:
    """Columns -> events -> alerts up to the watermark (UTC ms). `watch` is changed; both lists are in their canonical order. final: a recording is over."""
    events = stamped(track_step(watch.track, batch, watermark_ms, final=final), watch.risk.profile_hash)
    alerts = risk_step(watch.risk, events, watermark_ms)
    return events, sorted(alerts + notice_step(watch.notices, events), key=alert_order)


def stamped(events: list[Event], profile_hash: str) -> list[Event]:
    """The events with the content hash of the profile under which they were found: the same records, which nobody has seen yet."""
    for event in events:
        event.profile_hash = profile_hash
    return events


def watch_sections(watch: Watch) -> dict[str, Any]:
    """Sections of the joint state for a snapshot."""
    return {"track": watch.track.to_sections(), "risk": watch.risk.to_sections(), "notices": watch.notices.to_sections()}


def restore_watch(sections: dict[str, Any], rules: Rules) -> Watch:
    """The watch that `watch_sections` described."""
    track = TrackState.from_sections(sections["track"], rules.params, rules.geography, rules.watchlists)
    return Watch(track, RiskState.from_sections(sections["risk"], rules.profile, rules.normality), Notices.from_sections(sections["notices"]))


def snapshot(sections: dict[str, Any]) -> bytes:
    """Versioned, checksummed bytes of any sections of a run."""
    return blob.pack(sections, schema=STATE_SCHEMA)


def restore(data: bytes) -> dict[str, Any]:
    """What `snapshot` packed, here or in a former build that `runners.migrations` knows. Raises InputError for any other, and for a damaged blob."""
    if reaches(found := blob.schema_of(data), STATE_SCHEMA):
        return migrated(blob.unpack(data, schema=found), found, STATE_SCHEMA)
    return blob.unpack(data, schema=STATE_SCHEMA)
