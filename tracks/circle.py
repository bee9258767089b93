"""A circle through many places, from their sums alone. May hold: the fit. May not: vessels, thresholds.

Kasa's fit: the circle x^2 + y^2 = a x + b y + c that leaves the smallest sum of squares e^2. For places near the circle
e is 2 R times the distance from it, so the root mean square of e over 2 R is that of the distance. Turns are counted by
area: a place that goes round once sweeps pi R^2 about the centre; a chord of a quarter turn sweeps a tenth less, so
turns are rather under- than overstated. Only + - * / and sqrt: the same bits everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

PI = 3.141592653589793
PLACES_MIN = 12


@dataclass(frozen=True, slots=True)
class Circle:
    """Centre in metres from the first place, radius, root mean square distance from the circle, turns."""

    x_m: float
    y_m: float
    radius_m: float
    residual_m: float
    turns: float


def fit(sums: np.void) -> Circle | None:
    """The circle of a FACTS record's sums, or None where there is none (too few places, or on a line)."""
    n = int(sums["n"])
    if n < PLACES_MIN:
        return None
    x, y = float(sums["s_x"]) / n, float(sums["s_y"]) / n
    xx, xy, yy = float(sums["s_xx"]) / n, float(sums["s_xy"]) / n, float(sums["s_yy"]) / n
    z, xz, yz, zz = xx + yy, float(sums["s_xz"]) / n, float(sums["s_yz"]) / n, float(sums["s_zz"]) / n
    uu, uv, vv, uz, vz, ww = xx - x * x, xy - x * y, yy - y * y, xz - x * z, yz - y * z, zz - z * z
    det = uu * vv - uv * uv
    if det <= 1e-9 * (uu + vv) * (uu + vv) or det <= 0.0:
        return None
    a, b = (uz * vv - vz * uv) / det, (vz * uu - uz * uv) / det
    c = z - a * x - b * y
    centre_x, centre_y = a / 2, b / 2
    square = c + centre_x * centre_x + centre_y * centre_y
    if square <= 1.0:
        return None
    radius_m = math.sqrt(square)
    e2 = max(0.0, ww - a * uz - b * vz)
    swept = abs(float(sums["area"]) - (centre_x * float(sums["y"]) - float(sums["x"]) * centre_y))
    return Circle(centre_x, centre_y, radius_m, math.sqrt(e2) / (2 * radius_m), swept / (2 * PI * square))
