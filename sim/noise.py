"""Chance without a state: numbers that depend only on (seed, stream, vessel, moment). May hold: hashing and shapes of noise.

Theory: a generator with a state gives other numbers when somebody draws once more, or when a second is simulated in
two halves. Here a draw is a hash of what it is for, so a world is the same whatever the chunk length, and one more
vessel leaves the others alone. Bell-shaped draws are sums of uniform ones: no logarithm, whose last bit differs between C libraries.
"""

import math

import numpy as np

from dogwatch.kernel import kernel

# Streams: what a draw is for. Two uses never share one.
NORTH, EAST, SPEED, COURSE, HEADING, REPORT, HEAR, DELAY, FADE, SLOT, FAULT, FAULT_PLACE, LIE, HEIGHT, MAKE, CONTACT, YAW = (np.uint64(i) for i in range(1, 18))
SQRT_3 = math.sqrt(3.0)
_GOLDEN, _MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11, _S20 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11), np.uint64(20)
_FIELD = np.uint64(0xFFFF)


@kernel("uint64(uint64)")
def scramble(x):
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit."""
    x = (x ^ (x >> _S30)) * _MIX_1
    x = (x ^ (x >> _S27)) * _MIX_2
    return x ^ (x >> _S31)


@kernel("uint64(uint64, uint64, int64, int64)")
def draw(seed, stream, who, moment):
    """64 random bits for one purpose, one vessel (or pair, or line) and one moment."""
    x = scramble(seed * _GOLDEN + stream)
    x = scramble(x + np.uint64(who) * _GOLDEN)
    return scramble(x + np.uint64(moment) * _GOLDEN)


@kernel("float64(uint64, uint64, int64, int64)")
def unit(seed, stream, who, moment):
    """Uniform in [0, 1)."""
    return np.float64(draw(seed, stream, who, moment) >> _S11) * (1.0 / 9007199254740992.0)


@kernel("float64(uint64, uint64, int64, int64)")
def bell(seed, stream, who, moment):
    """Mean 0, standard deviation 1, never beyond 3.5: the sum of four uniform 16-bit numbers."""
    bits = draw(seed, stream, who, moment)
    total = np.uint64(0)
    for _ in range(4):
        total += bits & _FIELD
        bits >>= np.uint64(16)
    return (np.float64(total) / 65536.0 - 2.0 + 2.0 / 65536.0) * SQRT_3


@kernel("float64(uint64, uint64, int64, int64, int64)")
def wander(seed, stream, who, t_ms, period_ms):
    """Slow noise: `bell` at each period, straight lines between; standard deviation about 0.8."""
    k = t_ms // period_ms
    share = (t_ms - k * period_ms) / period_ms
    return (1.0 - share) * bell(seed, stream, who, k) + share * bell(seed, stream, who, k + 1)
