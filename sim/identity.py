"""Who a simulated vessel is: MMSI, IMO number, name, call sign, size. May hold: invented identities. May not: motion, radio.

Country prefixes are the real ones, so that flag statistics look right. The numbers behind them are invented: MMSIs
from the 9xxxxx end of a country's range, IMO numbers that begin with 3 (never allotted) with a correct check digit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# Flag: maritime identification digits, call sign prefix.
FLAGS: dict[str, tuple[int, str]] = {
    "NZ": (512, "ZM"),
    "AU": (503, "VJ"),
    "CK": (518, "E5"),
    "FJ": (520, "3D"),
    "GB": (232, "GB"),
    "HK": (477, "VR"),
    "KM": (620, "D6"),
    "LR": (636, "D5"),
    "MH": (538, "V7"),
    "MT": (249, "9H"),
    "PA": (352, "3E"),
    "SG": (563, "9V"),
}
_FIRST_WORDS = "AMBER BRAVE CALM DAWN EMBER FAIR GENTLE GREY HIGH IRON JADE KEEN LONE MELLOW NIMBLE OPAL PALE QUIET RUSSET SILVER TAWNY UMBER VIVID WILD"
_SECOND_WORDS = (
    "ALBATROSS BEACON CURLEW DOTTEREL EGRET FANTAIL GANNET HERON IBIS KESTREL LANTERN MOLLYMAWK NODDY ORBIT PETREL QUARTZ "
    "ROBIN SHEARWATER TERN VOYAGER WEKA ZEPHYR PROSPECT MERIDIAN"
)
_FIRST, _SECOND = _FIRST_WORDS.split(), _SECOND_WORDS.split()
_THIRD = ["", " II", " III", " IV", " V", " VI", " VII", " VIII", " IX", " X"]
_PLACES = ["NZ WLG", "NZ NSN", "NZ NPL", "NZ LYT", "NZ NPE", "NZ TRG", "AU SYD", "AU MEL", "SG SIN", "NZ PCN"]


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
    eta: tuple[int, int, int, int] = (0, 0, 24, 60)  # month, day, hour, minute: not available
    text: str = ""  # what a distress device says in type 14
    aid_type: int = 0
    virtual: bool = False


class Registry:
    """Hands out identities, each once. Deterministic: the order of calls decides the serial numbers."""

    def __init__(self) -> None:
        self._serial: dict[str, int] = {}

    def vessel(self, rng: np.random.Generator, flag: str, ship_type: int, loa_m: float, *, class_b: bool) -> Identity:
        """A ship or boat under `flag`. Class B boats have no IMO number, draught or destination."""
        mid, prefix = FLAGS[flag]
        serial = self._next(flag)
        mmsi = mid * 1_000_000 + 900_000 + serial
        name = self._name()
        callsign = f"{prefix}{'AEHKLMPRTVXZ'[serial % 12]}{serial % 10_000:04d}"[:7]
        beam_m = max(2.0, loa_m / (3.2 if loa_m < 30 else 6.3))
        if class_b:
            return Identity(mmsi, name, callsign, 0, ship_type, loa_m, beam_m)
        eta = (int(rng.integers(1, 13)), int(rng.integers(1, 28)), int(rng.integers(0, 24)), int(rng.integers(0, 12)) * 5)
        imo = imo_number(300_000 + self._next("imo"))
        return Identity(mmsi, name, callsign, imo, ship_type, loa_m, beam_m, round(loa_m / 22, 1), str(rng.choice(_PLACES)), eta)

    def station(self, kind: str, flag: str, name: str, *, aid_type: int = 0, virtual: bool = False) -> Identity:
        """A base station (00MIDxxxx) or an aid to navigation (99MIDaxxx; a = 6 for virtual ones)."""
        mid = FLAGS[flag][0]
        if kind == "base":
            return Identity(mid * 10_000 + 9_000 + self._next("base") % 1000, name)
        number = (6_000 if virtual else 1_000) + self._next("aid") % 1000
        return Identity(990_000_000 + mid * 10_000 + number, name, aid_type=aid_type, virtual=virtual)

    def beacon(self, device: str, *, test: bool) -> Identity:
        """A distress device: 970 SART, 972 man overboard, 974 EPIRB, then invented maker and serial digits."""
        prefix = {"sart": 970, "mob": 972, "epirb": 974}[device]
        word = {"sart": "SART", "mob": "MOB", "epirb": "EPIRB"}[device]
        return Identity(prefix * 1_000_000 + 990_000 + self._next("beacon"), "", text=f"{word} {'TEST' if test else 'ACTIVE'}")

    def _name(self) -> str:
        """Two words, each pair once before any twice, then with a Roman number; never more than 20 characters."""
        total = len(_FIRST) * len(_SECOND)
        serial = self._next("name")
        pair = serial * 331 % total  # 331 is prime to 576: neighbours in the list do not sound alike
        return f"{_FIRST[pair // len(_SECOND)]} {_SECOND[pair % len(_SECOND)]}{_THIRD[serial // total % len(_THIRD)]}"[:20]

    def _next(self, what: str) -> int:
        self._serial[what] = self._serial.get(what, 0) + 1
        return self._serial[what]


def imo_number(six: int) -> int:
    """Seven digits: six and the check digit (last digit of the sum of digits times 7, 6, 5, 4, 3, 2)."""
    digits = [int(d) for d in f"{six:06d}"]
    return six * 10 + sum(d * w for d, w in zip(digits, range(7, 1, -1), strict=True)) % 10


def antenna_place(loa_m: float, beam_m: float) -> tuple[int, int, int, int]:
    """Metres from the antenna to bow, stern, port and starboard: four fifths aft on the centre line; zeros without a size."""
    bow = math.floor(loa_m * 0.8 + 0.5)
    half = math.floor(beam_m / 2 + 0.5)
    return min(bow, 511), min(math.floor(loa_m + 0.5) - bow, 511), min(half, 63), min(max(math.floor(beam_m + 0.5) - half, 0), 63)
