"""Who a simulated vessel is: MMSI, IMO number, name, call sign, size, where bound. May hold: invented identities. May not: motion, radio.

Country digits are the real ones (`flags.py`), so that flag statistics look right. The numbers behind them are invented: MMSIs
from the 9xxxxx end of a country's range, IMO numbers that begin with 3 or 4 (never allotted to ships) with a right check digit.
What crews type is as careless as at sea: a share of destinations is blank, of arrival times missing or long past, of draughts not set;
small craft have no IMO number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dogwatch.batch import EXERCISE_WORD
from dogwatch.errors import InputError
from sim.flags import FLAGS
from sim.hull import hull_of

_FIRST_WORDS = (
    "AMBER ARCTIC ASTRAL BOREAL BRAVE CALM CEDAR COBALT CORAL DAWN DISTANT EMBER EVER FAIR FROSTY GENTLE GOLDEN GREY HIGH INDIGO IRON JADE KEEN "
    "LONE LOYAL MELLOW MISTY NIMBLE NOBLE OPAL PALE PRIMAL QUIET RAPID RUSSET SILVER SOLAR STEADY TAWNY TIDAL UMBER VALIANT VELVET VIVID WANDERING WILD"
)
_SECOND_WORDS = (
    "ALBATROSS ANCHOR BEACON BREEZE CURLEW CURRENT DOTTEREL EGRET FANTAIL FATHOM GANNET HARBOUR HERON HORIZON IBIS ISLAND KESTREL LANTERN LARK "
    "LEGEND MERIDIAN MOLLYMAWK NODDY OCEAN ORBIT ORCHID PEARL PETREL PILGRIM PROSPECT QUARTZ QUEST REEF RIVER ROBIN SHEARWATER SPIRIT STAR SUMMIT "
    "TERN TRADER TRITON VENTURE VOYAGER WAVE WEKA ZEPHYR"
)
_FIRST, _SECOND = _FIRST_WORDS.split(), _SECOND_WORDS.split()
_STEP = 331  # prime to len(_FIRST) * len(_SECOND) = 2162: neighbours in the list do not sound alike
_AFTER = ["", " II", " III", " IV", " V", " VI", " VII", " VIII", " IX", " X"]
_SIGN_LETTERS = "AEHKLMPRTVXZ"
_FAR_PORTS = (
    "SG SIN",
    "NL RTM",
    "CN SHA",
    "KR PUS",
    "AE JEA",
    "US LAX",
    "US HOU",
    "BR SSZ",
    "ZA DUR",
    "AU MEL",
    "JP TYO",
    "MY TPP",
    "BE ANR",
    "DE HAM",
    "ES ALG",
    "EG PSD",
)
_SERIALS = 99_999  # 900001 to 999999 of each country's digits
_IMO_FIRST, _IMO_LAST = 300_000, 499_999
BLANK_SHARE, NO_ETA_SHARE, OLD_ETA_SHARE, NO_DRAUGHT_SHARE = 0.08, 0.06, 0.1, 0.06
# No IMO number: of ships that must have one; of working and passenger vessels about as long as those that need none, and of those shorter still.
NO_IMO_SHARE, NO_IMO_SMALL_SHARE, NO_IMO_BOAT_SHARE, IMO_SMALL_M, IMO_BOAT_M = 0.02, 0.3, 0.8, 60.0, 30.0


@dataclass(slots=True)
class Identity:
    """What a vessel says of itself in types 5, 19, 21 and 24."""

    mmsi: int
    name: str
    callsign: str = ""
    imo: int = 0
    ship_type: int = 0
    loa_m: float = 0.0
    beam_m: float = 0.0
    draught_m: float = 0.0
    destination: str = ""
    eta_s: float | None = None  # seconds of world time; None: not given
    text: str = ""  # what a distress device says in type 14
    aid_type: int = 0
    virtual: bool = False


class Registry:
    """Hands out identities, each once. Deterministic: the order of calls decides the serial numbers."""

    def __init__(self) -> None:
        self._serial: dict[str | int, int] = {}

    def vessel(
        self, rng: np.random.Generator, flag: str, ship_type: int, loa_m: float, *, class_b: bool, bound_for: tuple[str, float] | None = None
    ) -> Identity:
        """A ship or boat under `flag`, bound for a destination that it reaches at a time (text, seconds), or for some far port.

        Class B boats have no IMO number, draught or destination. Raises InputError when a flag has no numbers left.
        """
        chance = rng.random(10).tolist()
        mmsi, hull = self._mmsi(flag), hull_of(ship_type)
        beam_m = max(2.0, loa_m / _within(hull.slender, chance[0]))
        who = Identity(mmsi, self._name(), self._callsign(flag), 0, ship_type, loa_m, beam_m)
        if class_b:
            return who
        if chance[1] >= no_imo_share(ship_type, loa_m):
            who.imo = imo_number(self._next_up_to(_IMO_LAST - _IMO_FIRST, "imo") + _IMO_FIRST)
        if chance[2] >= NO_DRAUGHT_SHARE:
            who.draught_m = min(25.5, round(beam_m * _within(hull.deep, chance[3]), 1))
        text, arrival_s = bound_for or (_FAR_PORTS[int(chance[4] * len(_FAR_PORTS))], (0.5 + 20 * chance[5]) * 86_400)
        who.destination = "" if chance[6] < BLANK_SHARE else text
        if chance[7] >= NO_ETA_SHARE:  # typed once, a little wrong, and by some never again
            old_s = (1 + 9 * chance[8]) * 86_400 if chance[7] < NO_ETA_SHARE + OLD_ETA_SHARE else 0.0
            who.eta_s = arrival_s * (0.95 + 0.1 * chance[9]) - old_s
        return who

    def station(self, kind: str, flag: str, name: str, *, aid_type: int = 0, virtual: bool = False) -> Identity:
        """A base station (00MIDxxxx) or an aid to navigation (99MIDaxxx; a = 6 for virtual ones)."""
        mid = FLAGS[flag].mids[0]
        if kind == "base":
            return Identity(mid * 10_000 + 9_000 + self._next("base") % 1000, name)
        number = (6_000 if virtual else 1_000) + self._next("aid") % 1000
        return Identity(990_000_000 + mid * 10_000 + number, name, aid_type=aid_type, virtual=virtual)

    def beacon(self, device: str, *, test: bool) -> Identity:
        """A distress device: 970 SART, 972 man overboard, 974 EPIRB, then invented maker and serial digits."""
        prefix = {"sart": 970, "mob": 972, "epirb": 974}[device]
        word = {"sart": "SART", "mob": "MOB", "epirb": "EPIRB"}[device]
        return Identity(prefix * 1_000_000 + 990_000 + self._next("beacon"), "", text=f"{word} {'TEST' if test else 'ACTIVE'} {EXERCISE_WORD}")

    def aircraft(self, flag: str) -> Identity:
        """A search and rescue aircraft: 111, country digits, a number of which the standard gives 1-4 to aeroplanes and 5-9 to helicopters."""
        return Identity(111_000_000 + FLAGS[flag].mids[0] * 1_000 + 900 + self._next_up_to(99, f"aircraft {flag}"), "", loa_m=0.0)

    def buoy(self, rng: np.random.Generator) -> Identity:
        """A buoy on fishing gear: an MMSI that follows no rule, and a name that is its battery."""
        name = f"{rng.integers(11, 14)}V-{rng.integers(20, 100)}%"
        return Identity(900_000_000 + 10_000 * int(rng.integers(0, 10)) + self._next_up_to(9_999, "buoy"), name)

    def _mmsi(self, flag: str) -> int:
        """The next number of a flag, its country digits in turn."""
        mids = FLAGS[flag].mids
        for _ in mids:
            mid = mids[self._next(flag) % len(mids)]
            if self._serial.get(mid, 0) < _SERIALS:
                return mid * 1_000_000 + 900_000 + self._next(mid)
        raise InputError(f"flag {flag} has no numbers left", remedy="share the vessels among more flags", value=flag)

    def _callsign(self, flag: str) -> str:
        """Country letters, two letters, then digits: each once; seven characters at most."""
        prefix = FLAGS[flag].prefix
        number, n = self._next(f"sign {prefix}"), len(_SIGN_LETTERS)
        return f"{prefix}{_SIGN_LETTERS[number % n]}{_SIGN_LETTERS[number // n % n]}{number // n // n}"

    def _name(self) -> str:
        """Two words, each pair once before any twice, then with a Roman number; never more than 20 characters."""
        total = len(_FIRST) * len(_SECOND)
        serial = self._next("name")
        pair = serial * _STEP % total
        after = _AFTER[serial // total % len(_AFTER)]
        return f"{_FIRST[pair // len(_SECOND)]} {_SECOND[pair % len(_SECOND)]}"[: 20 - len(after)].rstrip() + after

    def _next(self, what: str | int) -> int:
        self._serial[what] = self._serial.get(what, 0) + 1
        return self._serial[what]

    def _next_up_to(self, most: int, what: str) -> int:
        serial = self._next(what)
        if serial > most:
            raise InputError(f"more than {most} numbers were asked for: {what}", remedy="ask for fewer", value=what)
        return serial


def _within(span: tuple[float, float], share: float) -> float:
    return span[0] + (span[1] - span[0]) * share


def no_imo_share(ship_type: int, loa_m: float) -> float:
    """Of class A ships of a type and length, the share without an IMO number: traders have one, fishing, service and passenger vessels from a size on."""
    if 70 <= ship_type < 90 or loa_m >= IMO_SMALL_M:
        return NO_IMO_SHARE
    return NO_IMO_BOAT_SHARE if loa_m < IMO_BOAT_M else NO_IMO_SMALL_SHARE


def imo_number(six: int) -> int:
    """Seven digits: six and the check digit (last digit of the sum of digits times 7, 6, 5, 4, 3, 2)."""
    digits = [int(d) for d in f"{six:06d}"]
    return six * 10 + sum(d * w for d, w in zip(digits, range(7, 1, -1), strict=True)) % 10


def antenna_place(loa_m: float, beam_m: float) -> tuple[int, int, int, int]:
    """Metres from the antenna to bow, stern, port and starboard: four fifths aft on the centre line; zeros without a size."""
    bow = math.floor(loa_m * 0.8 + 0.5)
    half = math.floor(beam_m / 2 + 0.5)
    return min(bow, 511), min(math.floor(loa_m + 0.5) - bow, 511), min(half, 63), min(max(math.floor(beam_m + 0.5) - half, 0), 63)
