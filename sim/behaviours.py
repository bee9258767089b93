"""The list of behaviours that a scenario may have. May hold: the union of all scenes. May not: a scene."""

from __future__ import annotations

from sim.scene_border import BorderApproach, BorderCrossing, BorderSkirting, DarkCrossing, PortVisit
from sim.scene_distress import Assist, Beacon, DistressStatus, SafetyText, SarOperation, WrongStatus
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
from sim.scene_meeting import DarkPartner, Rendezvous, RendezvousThree, RendezvousUnderWay
from sim.scene_motion import CourseAnomaly, Drifting, Grounding, Loitering, LoiteringInterrupted, LoiteringZigzag, SpeedAnomaly, SuddenStop
from sim.scene_passing import FerriesCrossing, NearCollision, PassingShips
from sim.scene_position import (
    CirclingShip,
    FastCraft,
    GnssInterference,
    PositionBeyond,
    PositionCircle,
    PositionJump,
    PositionLost,
    PositionOffset,
    PositionOnLand,
    PositionSimulated,
    SwingingShip,
)
from sim.scene_silence import CoverageHole, DarkPeriod, MooredSwitchOff, QuietBoat
from sim.scene_waiting import GearBuoys, SurveyVessel, WaitingFleet, WeatherStop
from sim.scene_working import Bunkering, MooredPair, MotherShip, PairTrawling, PilotTransfer, TugAndTow, TugAssist

Moving = Loitering | LoiteringZigzag | LoiteringInterrupted | Drifting | SuddenStop | Grounding | SpeedAnomaly | CourseAnomaly
Meeting = Rendezvous | RendezvousThree | RendezvousUnderWay | DarkPartner | NearCollision
Silent = DarkPeriod | CoverageHole | MooredSwitchOff | QuietBoat
Working = PilotTransfer | TugAssist | TugAndTow | Bunkering | PairTrawling | MotherShip | MooredPair | PassingShips | FerriesCrossing
Waiting = WeatherStop | WaitingFleet | SurveyVessel | GearBuoys
Wrong = PositionJump | PositionOffset | PositionBeyond | PositionOnLand | PositionCircle | PositionSimulated | PositionLost | GnssInterference
Position = Wrong | CirclingShip | SwingingShip | FastCraft
Who = ClonedMmsi | CloneNearby | IdentityChange | MmsiHandover | BadMmsi | ImoConflict | ClassConflict | TypoCorrected | HalfStatics | MmsiReused
Bounds = BorderCrossing | DarkCrossing | BorderApproach | BorderSkirting | PortVisit
Infra = AnchorDrag | OverCableStop | CableApproach | CableShip | CableCrossing
Distress = Beacon | SafetyText | DistressStatus | WrongStatus | Assist | SarOperation
Behaviours = Moving | Meeting | Silent | Working | Waiting | Position | Who | Bounds | Infra | Distress
