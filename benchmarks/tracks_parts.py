"""Where the time of `track` (or of rendezvous alone) goes: CPU nanoseconds a position of each part, over the first hours of the sea `day`:
`python -m benchmarks.tracks_parts`, `python -m benchmarks.tracks_parts --rendezvous masked`.

May live here: the list of parts, a watch around each. May not: another way into the detectors than `tracks_ours.py` has. A part's figure is what
it took itself, without the parts that it called; the watch costs a microsecond a call, which is in it. No figure to quote beside the benchmark's.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from benchmarks import tracks_ours as ours
from benchmarks.contender import ROOT
from benchmarks.tracks import recipes
from benchmarks.tracks_seas import write_sea
from tracks import dark, ears, loitering, meeting, rendezvous, step
from tracks.berths import Berths
from tracks.coverage import Coverage
from tracks.vessels import VesselTable
from zones.geography import Geography

PARTS: dict[Any, tuple[str, ...]] = {
    VesselTable: ("add_fixes", "close_block"),
    step: ("slow_tracks", "ask_geography"),
    Geography: ("masked", "coast_distance_nm", "watch_distance_nm", "on_land", "relations_of", "in_zones"),
    dark: ("due", "_judge", "expected", "ask_ears", "ask_peers", "settle", "ask_places", "ask_watch", "_tell", "_ended", "_corrected"),
    dark.DarkDetector: ("see", "tick"),
    ears: ("learn_coverage", "_blocks_of", "_count_reports"),
    ears.Ears: ("_note_minute", "_receivers_down"),
    Coverage: ("settle", "hashed", "fade"),
    loitering: ("close_buckets", "waiting", "judge"),
    loitering.LoiteringDetector: ("tick", "_went_on", "_tell"),
    Berths: ("find",),
    rendezvous: ("near_rows", "enter", "due", "seen_apart", "_settle", "_in_question", "_judged", "_together", "_parted", "explanations"),
    rendezvous.RendezvousDetector: ("tick",),
    meeting: ("grounds", "neighbours", "standing_of", "shores"),
    meeting.Met: ("__init__", "ask", "words"),
    ours: ("vessel_step", "pair_step"),
}


class Watch:
    """CPU nanoseconds and calls of parts; those of a part that another calls are not counted twice."""

    def __init__(self) -> None:
        self.own_ns: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._inner_ns = [0]

    def around(self, name: str, part: Callable[..., Any]) -> Callable[..., Any]:
        """The same part, watched."""

        @wraps(part)
        def watched(*args: Any, **kwargs: Any) -> Any:
            begun = time.process_time_ns()
            self._inner_ns.append(0)
            try:
                return part(*args, **kwargs)
            finally:
                taken_ns = time.process_time_ns() - begun
                self.own_ns[name] += taken_ns - self._inner_ns.pop()
                self.calls[name] += 1
                self._inner_ns[-1] += taken_ns

        return watched


def main() -> None:
    """Run the sea with a watch around each part, print what each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0, help="of the day that are run")
    parser.add_argument("--rendezvous", choices=("masked", "unmasked"), help="rendezvous alone, with the ports masked or not, instead of `track`")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sea = ours.prepare(str(write_sea(recipes(quick=False)["day"], ROOT / ".cache" / "bench-tracks").folder))
    watch, minutes = Watch(), min(int(options.hours * 60), len(sea.cuts) - 1)
    for holder, names in PARTS.items():
        for name in names:
            setattr(holder, name, watch.around(f"{holder.__name__.rsplit('.', 1)[-1]}.{name}", getattr(holder, name)))
    begun, load = time.process_time_ns(), os.getloadavg()[0]
    names = ("rendezvous",) if options.rendezvous else ours.LIGHT
    for _ in ours.minutes(sea, ours.new_state(sea, names, masked=options.rendezvous != "unmasked"), upto=minutes, statics=options.rendezvous is not None):
        pass
    positions = int(sea.cuts[minutes])
    print(f"{positions} positions, {(time.process_time_ns() - begun) / positions:.0f} ns each; load {load:.0f} before, {os.getloadavg()[0]:.0f} after")
    for name, own_ns in watch.own_ns.most_common():
        print(f"{own_ns / positions:7.1f} ns  {watch.calls[name]:6d} calls of {own_ns / watch.calls[name] / 1000:7.0f} us  {name}")


if __name__ == "__main__":
    main()
