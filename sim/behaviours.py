"""The list of behaviours that a scenario may have. May hold: the union of all scenes. May not: a scene."""

from __future__ import annotations

from sim.scene_border import BorderApproach, BorderCrossing, BorderSkirting, DarkCrossing, PortVisit
from sim.scene_distress import Beacon
from sim.scene_identity import (
    BadMmsi,
    ClassConflict,
    ClonedMmsi,
    CloneNearby,
    HalfStatics,
    IdentityChange,
    ImoConflict,
    MmsiHandover,
    MmsiReused,
    TypoCorrected,
)
from sim.scene_infra import AnchorDrag, CableApproach, CableCrossing, CableShip, OverCableStop
from sim.scene_meeting import MooredPair, PassingShips, PilotTransfer, Rendezvous
from sim.scene_motion import Loitering
from sim.scene_position import (
    CirclingShip,
    FastCraft,
    GnssInterference,
    PositionCircle,
    PositionJump,
    PositionLost,
    PositionOffset,
    PositionOnLand,
    SwingingShip,
)
from sim.scene_silence import DarkPeriod, QuietBoat

Meeting = Rendezvous | PilotTransfer | MooredPair | PassingShips
Motion = Loitering
Silence = DarkPeriod | QuietBoat
Position = PositionJump | PositionOffset | PositionOnLand | PositionCircle | PositionLost | GnssInterference | CirclingShip | SwingingShip | FastCraft
Who = ClonedMmsi | CloneNearby | IdentityChange | MmsiHandover | BadMmsi | ImoConflict | ClassConflict | TypoCorrected | HalfStatics | MmsiReused
Bounds = BorderCrossing | DarkCrossing | BorderApproach | BorderSkirting | PortVisit
Infra = AnchorDrag | OverCableStop | CableApproach | CableShip | CableCrossing
Distress = Beacon
Behaviours = Meeting | Motion | Silence | Position | Who | Bounds | Infra | Distress
