"""The list of detectors: the one place that wires them. May hold: the list and its order. May not: anything a detector does."""

from __future__ import annotations

from tracks.aground import AgroundDetector
from tracks.anomaly import AnomalyDetector
from tracks.assist import AssistDetector
from tracks.collision import CollisionDetector
from tracks.dark import DarkDetector
from tracks.dark_partner import DarkPartnerDetector
from tracks.detector import Detector
from tracks.drift import DriftDetector
from tracks.identity import IdentityDetector
from tracks.infra import InfraDetector
from tracks.legs import LegsKeeper
from tracks.loitering import LoiteringDetector
from tracks.port_visit import PortVisitDetector
from tracks.position import PositionDetector
from tracks.rendezvous import RendezvousDetector
from tracks.smooth import SmoothDetector
from tracks.sudden_stop import SuddenStopDetector
from tracks.watchlist import WatchlistDetector
from tracks.zone_events import ZoneDetector

KINDS: tuple[type[Detector], ...] = (
    LegsKeeper,
    LoiteringDetector,
    DarkDetector,
    InfraDetector,
    DriftDetector,
    SuddenStopDetector,
    AgroundDetector,
    PortVisitDetector,
    DarkPartnerDetector,
    ZoneDetector,
    RendezvousDetector,
    AssistDetector,
    PositionDetector,
    SmoothDetector,
    CollisionDetector,
    AnomalyDetector,
    IdentityDetector,
    WatchlistDetector,
)


def new_detectors() -> list[Detector]:
    """One of each, in the order in which they are asked."""
    return [kind() for kind in KINDS]
