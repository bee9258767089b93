"""Numbers that name ships: which MMSIs and IMO numbers can exist. May hold: the ITU's table of country digits, check digits. May not: vessels.

Maritime identification digits (MID) as the ITU has allotted them (Table of Maritime Identification Digits, 2026): a ship's
MMSI begins with those of its flag. A new allotment makes this table old, not the ship wrong.
IMO numbers are 1000000-9999999; the last digit is the last one of the sum of the others times 7, 6, 5, 4, 3, 2 (IMO resolution
A.1117(30)). One random number in ten passes, one error of a digit in ten slips: a filter, no proof. Larger numbers are official
numbers of flag states (ITU-R M.1371-5, table 48).
"""

from __future__ import annotations

import numpy as np

_ALLOTTED = """
201-216 218-220 224-259 261-279 301 303-312 314 316 319 321 323 325 327 329-332 334 336 338-339 341 343 345 347-348 350-359 361-362 364 366-379
401 403 405 408 410 412-414 416-417 419 422-423 425 428 431-432 434 436-438 440-441 443 445 447 450-451 453 455 457 459 461 463 466 468 470-473 475 477-478
501 503 506 508 510-512 514-516 518 520 523 525 529 531 533 536 538 540 542 544 546 548 550 553 555 557 559 561 563-567 570 572 574 576-578
601 603 605 607-613 615-622 624-627 629-638 642 644-645 647 649-650 654-657 659-672 674-679
701 710 720 725 730 735 740 745 750 755 760 765 770 775
"""
IMO_MIN, IMO_MAX = 1_000_000, 9_999_999
# What sets send that nobody has given a number: the manuals' examples, and one digit nine times.
PLACEHOLDERS = np.array([123_456_789, 987_654_321, 111_111_110, 1_193_046, *(111_111_111 * k for k in range(1, 10))], np.int64)


def _table() -> np.ndarray:
    allotted = np.zeros(1000, np.bool_)
    for part in _ALLOTTED.split():
        first, _, last = part.partition("-")
        allotted[int(first) : int(last or first) + 1] = True
    return allotted


ALLOTTED = _table()


def imo_is_valid(imo: np.ndarray) -> np.ndarray:
    """bool[n]: seven digits of which the last is the right check digit."""
    number = np.asarray(imo, np.int64)
    digits = [number // 10**k % 10 for k in range(6, -1, -1)]
    total = sum(digit * weight for digit, weight in zip(digits, (7, 6, 5, 4, 3, 2)))
    valid: np.ndarray = (number >= IMO_MIN) & (number <= IMO_MAX) & (total % 10 == digits[6])
    return valid


def mmsi_fault(mmsi: int) -> str:
    """What is wrong with a number as that of a ship or boat: 'placeholder', 'country', 'form', or '' for nothing.

    Forms that others than ships have (coast stations 00, groups 0, aircraft 111, handhelds 8, devices 97, craft of a
    parent ship 98, aids 99) are right when their country digits are allotted.
    """
    if mmsi in PLACEHOLDERS:
        return "placeholder"
    if 200_000_000 <= mmsi <= 799_999_999:
        return "" if ALLOTTED[mmsi // 1_000_000] else "country"
    for prefix, digits in ((111, 3), (970, 3), (972, 3), (974, 3), (98, 2), (99, 2), (8, 1)):
        if mmsi // 10 ** (9 - digits) == prefix:
            if prefix in (970, 972, 974):
                return ""
            return "" if ALLOTTED[mmsi // 10 ** (6 - digits) % 1000] else "country"
    if 1_000_000 <= mmsi < 100_000_000:  # 00MIDxxxx, 0MIDxxxxx
        return "" if ALLOTTED[mmsi // (10_000 if mmsi < 10_000_000 else 100_000)] else "country"
    return "form"
