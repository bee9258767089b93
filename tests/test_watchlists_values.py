"""Values and names of lists: what can be a number, what two names have in common. Each trap has its case."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dogwatch.mids import ALLOTTED, imo_is_valid
from sim.flags import FLAGS
from sim.identity import imo_number as numbered
from watchlists.flags import flag_of, flags_of_mmsi
from watchlists.names import likeness, near, numbers_in, plain_of, shortened
from watchlists.values import RefusedError, call_sign, imo_could_be, imo_number, mmsi_could_be, mmsi_number, sign_could_be, text_of


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9289518", 9289518),
        ("IMO9289518", 9289518),
        ("IMO 9289518", 9289518),
        ("IMO  8730455", 8730455),
        ("imo: 9289518", 9289518),
        ("IMO No. 9289518", 9289518),
        ("Flag 12, IMO 9289518", 9289518),
        (" 9289518 ", 9289518),
        ("", 0),
        ("-0- ", 0),
        ("None", 0),
    ],
)
def test_the_seven_digits_after_imo_are_read(text, number):
    assert imo_number(text) == number


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0000000", "imo_form"),
        ("0000012", "imo_form"),
        ("IMO 12", "imo_form"),
        ("92895181", "imo_form"),
        ("IMO92895181", "imo_form"),
        ("928951", "imo_form"),
        ("9289519", "imo_check_digit"),
        ("1234567", "imo_example"),
        ("IMO 1111111", "imo_example"),
        ("IMO company number 6183435", "imo_form"),
        ("\u0669\u0662\u0668\u0669\u0665\u0661\u0668", "imo_form"),
    ],
)
def test_what_is_no_imo_number_is_refused_with_the_reason(text, reason):
    with pytest.raises(RefusedError) as found:
        imo_number(text)
    assert found.value.reason == reason


@given(st.integers(0, 9_999_999))
def test_a_broadcast_number_is_judged_as_everywhere_in_the_house(number):
    examples = number in (1_234_567, 7_654_321) or number % 1_111_111 == 0
    assert imo_could_be(number) == (bool(imo_is_valid(np.array([number]))[0]) and not examples)


@pytest.mark.parametrize(
    "text", ["111111110", "123456789", "0", "000000000", "111111111", "987654321", "12", "25700000", "2570000000", "970000000", "0257000001", "299000001"]
)
def test_placeholders_and_what_is_no_ships_never_match(text):
    with pytest.raises(RefusedError):
        mmsi_number(text)
    assert not mmsi_could_be(int(text) if len(text) < 10 else 0)


def test_numbers_of_ships_are_taken():
    assert mmsi_number("257000001") == mmsi_number(" MMSI 257000001 ") == 257_000_001
    assert mmsi_number("") == 0
    assert mmsi_could_be(257_000_001)


def test_call_signs_are_compared_without_blanks():
    assert call_sign("5IM 592") == "5IM592" == sign_could_be("5im592")
    assert call_sign("NONE") == call_sign("0000000") == call_sign("XXXXXXX") == ""
    for text in ("12345", "AB", "CALLSIGN TOO LONG", "=CMD()"):
        with pytest.raises(RefusedError):
            call_sign(text)
        assert sign_could_be(text) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A" * 10_000_000, "too_long"),
        ("GOOD\x1b[2J\x1b]0;NAME", "control_characters"),
        ("GOOD\x00NAME", "control_characters"),
        ("GOOD\u202eNAME", "control_characters"),
        ("GOOD\u200bNAME", "control_characters"),
        ("GOOD\x9bNAME", "control_characters"),
        ('=HYPERLINK("http://x")', "formula"),
        ("+1+cmd", "formula"),
        ("@SUM(A1)", "formula"),
        ("-2+3", "formula"),
    ],
)
def test_texts_that_a_terminal_or_a_spreadsheet_would_obey_are_refused(text, reason):
    with pytest.raises(RefusedError) as found:
        text_of(text)
    assert found.value.reason == reason


def test_flags_are_known_by_code_by_name_and_by_digits():
    assert flag_of("ru") == flag_of("Russia") == flag_of("Russian Federation") == "RU"
    assert flag_of("Democratic People's Republic of Korea") == "KP"
    assert flag_of("C\u00f4te d'Ivoire") == "CI"
    assert flag_of("Atlantis") == ""
    assert flags_of_mmsi(351_000_001) == ("PA",)
    assert flags_of_mmsi(290_000_001) == ()
    for code, flag in FLAGS.items():
        for mid in flag.mids:
            assert code in flags_of_mmsi(mid * 1_000_000) or code == "IM", (code, mid)
    assert all(flags_of_mmsi(int(mid) * 1_000_000) for mid in np.flatnonzero(ALLOTTED) if mid not in UNNAMED)


UNNAMED = (501, 516, 523, 607, 618, 635)  # islands and bases whose ships fly the flag of their state


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("M/V Ocean Star", "OCEANSTAR"),
        ("MV OCEAN STAR", "OCEANSTAR"),
        ("M.V. OCEAN-STAR", "OCEANSTAR"),
        ("M V OCEAN STAR", "OCEANSTAR"),
        ("S\u00f8r\u00f8ya", "SOROYA"),
        ("\u00c9TOILE", "ETOILE"),
        ("HERO II", "HERO2"),
        ("HERO 2", "HERO2"),
        ("HERO 02", "HERO2"),
        ("MV", ""),
        ("UNKNOWN", ""),
        ("\u041a\u0430\u043f\u0438\u0442\u0430\u043d", ""),
        ("\u9577\u6d77", ""),
        ("12345", ""),
        ("", ""),
    ],
)
def test_names_are_folded(name, plain):
    assert plain_of(name) == plain


@pytest.mark.parametrize(
    ("told", "listed", "how"),
    [
        ("OCEAN STAR", "M/V Ocean Star", "equal"),
        ("OCEANSTAR", "OCEAN STAR", "equal"),
        ("FU YUAN YU 7861", "FU YUAN YU 7894", "other"),
        ("FU YUAN YU 7861", "FU YUAN YU 7862", "other"),
        ("HERO", "HERO II", "other"),
        ("HERO II", "HERO III", "other"),
        ("BALTIYSKIY ISSLEDOV", "BALTIYSKIY ISSLEDOVATEL", "cut"),
        ("BALTIYSKIY ISSLEDOVA", "BALTIYSKIY ISSLEDOVATEL", "cut"),
        ("BALTIYSKIY", "BALTIYSKIY ISSLEDOVATEL", "other"),
        ("OCEAN STARR", "OCEAN STAR", "near"),
        ("OCAEN STAR", "OCEAN STAR", "near"),
        ("OCEAN STAK", "OCEAN STAR", "near"),
        ("OCEAN STAKK", "OCEAN STAR", "other"),
        ("ARK", "ARC", "other"),
        ("", "OCEAN STAR", "unknown"),
        ("OCEAN STAR", "UNKNOWN", "unknown"),
    ],
)
def test_how_two_names_stand_to_each_other(told, listed, how):
    assert likeness(told, listed) == how


def test_with_an_equal_number_names_may_differ_more():
    assert likeness("STAR OCEAN", "OCEAN STAR") == "other"
    assert likeness("STAR OCEAN", "OCEAN STAR", loose=True) == "near"
    assert likeness("OCEAN STAKK", "OCEAN STAR", loose=True) == "near"
    assert likeness("FU YUAN YU 7861", "FU YUAN YU 7862", loose=True) == "other"


LETTERS = st.text("AB1 2", max_size=9)


@given(LETTERS, LETTERS)
def test_names_one_letter_apart_share_a_form(one, other):
    one, other = plain_of("SHIP" + one), plain_of("SHIP" + other)
    if one and other and numbers_in(one) == numbers_in(other) and near(one, other):
        assert {one, *shortened(one)} & {other, *shortened(other)}


@given(st.text(max_size=30), st.text(max_size=30))
def test_likeness_never_fails_and_knows_itself(one, other):
    likeness(one, other)
    assert likeness(one, one) in ("equal", "unknown")


def test_the_check_digit_is_a_filter_and_no_proof():
    passed = sum(imo_could_be(number) for number in range(9_000_000, 9_100_000))
    assert 0.09 < passed / 100_000 < 0.11
    assert not imo_could_be(6_183_435), "the number of a company, which has a check digit of another kind"
    assert numbered(928951) == 9_289_518
