"""Lists as they come: four formats, the real OFAC file, and every way in which a file can be broken. A fault is a clear error or a count, never silence."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.config import Watchlist as Spec
from dogwatch.errors import ConfigError, InputError
from runners.listing import Shelf, notes, read_list, read_lists, spec_of
from runners.rules import read_config
from watchlists.entry import FOR_EVER_MS, Entry
from watchlists.reading import REASONS
from watchlists.values import imo_could_be
from watchlists.watchlist import kind_of, watchlist_of

SHARED = Path(os.environ.get("DOGWATCH_SHARED_DATA", Path(__file__).resolve().parent.parent.parent / "shared" / "data"))
OFAC = SHARED / "tab-sanctions" / "ofac_sdn.csv"
DAY_MS = 86_400_000

MARITIME = """type,caption,imo,risk,countries,flag,mmsi,id,url,datasets,aliases
VESSEL,EXAMPLE TRADER,IMO9999010,sanction,ir;pa,pa,351999001,os-1,https://x,us_ofac_sdn,OLD EXAMPLE;M/V Example Trader
VESSEL,EXAMPLE TRADER,IMO9999022,sanction,pa,pa,,os-1,https://x,us_ofac_sdn,
VESSEL,EXAMPLE SPIRIT,,mare.detained,,mh,538999002;538999003,os-2,https://x,tokyo_mou_detention,
ORGANIZATION,EXAMPLE SHIPPING,IMO6183435,sanction,ir,,,os-3,https://x,us_ofac_sdn,
"""
REMARKS = (
    "Former Vessel Flag Malta; alt. Former Vessel Flag None Identified; Vessel Registration Identification IMO  9999010; MMSI 351999001; "
    "f.k.a. 'OLD EXAMPLE'; a.k.a. 'EX TRADER'; Linked To: JOHN SOMEBODY."
)
SDN = """1,"EXAMPLE TRADER","vessel","IRAN",-0- ,"3EXX1","Crude Oil Tanker","99,144","56,068","Panama","SOME COMPANY","REMARKS"
2,"SOMEBODY, John","individual","IRAN",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"DOB 01 Jan 1950; Passport X123."
3,"EXAMPLE SPIRIT","vessel","IRAN",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"Vessel Registration Identification 9999022."
4,"EXAMPLE BARGE","vessel","LIBYA3",-0- ,-0- ,-0- ,-0- ,-0- ,"Malta",-0- ,"Vessel Registration Identification 15411 (Malta); Linked To: X LIMITED."
\x1a
""".replace("REMARKS", REMARKS)
TRADER = (
    '{"id":"v-1","schema":"Vessel","caption":"EXAMPLE TRADER","properties":{"name":["Example Trader"],"previousName":["OLD EXAMPLE"],'
    '"imoNumber":["IMO9999010","bad"],"mmsi":["351999001","12"],"callSign":["3EXX1"],"flag":["pa"],"pastFlags":["mt"],"owner":["p-1"]}}'
)
FTM = """TRADER
{"id":"p-1","schema":"Person","caption":"Somebody","properties":{"birthDate":["1950-01-01"]}}
{"id":"o-1","schema":"Ownership","properties":{"owner":["p-1"],"asset":["v-1"]}}
{"id":"v-2","schema":"Vessel","caption":"EXAMPLE SPIRIT","properties":{}}
""".replace("TRADER", TRADER, 1)
PLAIN = """ID;Vessel Name;Former Names;IMO Number;MMSI;Call sign;Flag;Length;Valid from;Valid until;Owner
A;Example Trader;Old Example;9999010;351999001;3EXX1;Panama;180 m;2026-01-01;;Somebody
B;Example Spirit;;;;;;;2026-01-01;2026-02-01T06:00Z;
"""


def of(text, kind="auto", **more):
    return watchlist_of(text, name="x", kind=kind, file="x.csv", **more)


def entries(text, kind="auto"):
    return {entry.id: entry for entry in of(text, kind).entries}


def test_opensanctions_maritime():
    found = entries(MARITIME)
    assert kind_of(MARITIME) == "opensanctions"
    assert found["os-1"].imos == (9_999_010, 9_999_022), "one row for each IMO number"
    assert found["os-1"].names == ("EXAMPLE TRADER", "OLD EXAMPLE", "M/V Example Trader")
    assert (found["os-1"].mmsis, found["os-1"].flags) == ((351_999_001,), ("PA",))
    assert (found["os-2"].imos, found["os-2"].mmsis) == ((), (538_999_002, 538_999_003))
    assert set(found) == {"os-1", "os-2"}, "companies are read over, whatever their numbers look like"
    assert of(MARITIME).reading.rejected == {"same_id": 1, "not_a_vessel": 1}


def test_ofac_with_and_without_a_head():
    found = entries(SDN)
    assert kind_of(SDN) == "ofac"
    assert found["1"] == Entry(
        id="1",
        line=1,
        names=("EXAMPLE TRADER", "EX TRADER"),
        former=("OLD EXAMPLE",),
        imos=(9_999_010,),
        mmsis=(351_999_001,),
        callsigns=("3EXX1",),
        flags=("PA",),
        former_flags=("MT",),
    )
    assert found["3"].imos == (9_999_022,)
    assert found["4"].imos == (), "a national register's number is no IMO number"
    assert of(SDN).reading.rejected == {"not_a_vessel": 1}
    head = "ID,Name,Type,Country,Title,Col_F,Col_G,Col_H,Col_I,Col_J,Col_K,Details\n"
    assert kind_of(head + SDN) == "ofac"
    assert [entry.imos for entry in of(head + SDN).entries] == [entry.imos for entry in of(SDN).entries]


def test_follow_the_money_reads_vessels_alone():
    found = entries(FTM)
    assert kind_of(FTM) == "ftm"
    assert found["v-1"] == Entry(
        id="v-1",
        line=1,
        names=("EXAMPLE TRADER", "Example Trader"),
        former=("OLD EXAMPLE",),
        imos=(9_999_010,),
        mmsis=(351_999_001,),
        callsigns=("3EXX1",),
        flags=("PA",),
        former_flags=("MT",),
    )
    assert of(FTM).reading.rejected == {"not_a_vessel": 2, "imo_form": 1, "mmsi_form": 1}
    assert "line 1: bad" in of(FTM).reading.samples["imo_form"]


def test_a_plain_table_with_periods():
    one = of(PLAIN)
    found = {entry.id: entry for entry in one.entries}
    assert one.kind == "csv"
    assert found["A"].length_m == 180
    assert found["A"].from_ms == 1_767_225_600_000
    assert found["A"].until_ms == FOR_EVER_MS
    assert found["B"].until_ms == 1_767_225_600_000 + 31 * DAY_MS + 6 * 3_600_000
    assert not found["B"].holds_at(found["B"].until_ms)
    assert found["B"].holds_at(found["B"].until_ms - 1)
    assert one.reading.ignored == ["Owner"]
    assert len(one.steps_ms) == 2


def test_no_field_of_an_entry_can_hold_a_person():
    assert {field.name for field in fields(Entry)} == {
        "id", "line", "names", "former", "imos", "mmsis", "callsigns", "flags", "former_flags", "length_m", "from_ms", "until_ms",
    }  # fmt: skip
    for text in (SDN, FTM, PLAIN):
        assert "SOMEBODY" not in repr(of(text).entries).upper()


def test_the_version_is_the_content():
    assert of(PLAIN).version == of(PLAIN).version != of(PLAIN + "C;OTHER NAME;;;;;;;;;\n").version


def test_the_real_ofac_file():
    if not OFAC.exists():
        pytest.skip(f"LOUD: the real OFAC list is absent at {OFAC}; set DOGWATCH_SHARED_DATA to test it")
    one = read_list(Spec(name="ofac", path=str(OFAC)))
    assert one.kind == "ofac"
    assert len(one.entries) == 685
    assert sum(bool(entry.imos) for entry in one.entries) == 680
    assert sum(bool(entry.mmsis) for entry in one.entries) == 80
    assert all(imo_could_be(imo) for entry in one.entries for imo in entry.imos)
    assert set(one.reading.rejected) <= {"no_latin_name"}
    twice = [entry for entry in one.entries if entry.title == "TERIBERKA"]
    assert sorted(entry.imos for entry in twice) == [(8_931_748,), (9_081_291,)], "one name, two ships"
    by_id = {entry.id: entry for entry in one.entries}
    assert by_id["15036"].former == ("ALPHA",)
    assert by_id["15036"].former_flags == ("MT", "TV", "TZ")


BROKEN = {
    "empty": (b"", "no column"),
    "head alone": (b"name,imo\n", "no vessel in this list"),
    "no head": (b"EXAMPLE,9999010\n", "no column"),
    "binary": (bytes(range(128, 256)) * 20, "is not UTF-8"),
    "latin-1": ("name\nMS SØRØYA\n".encode("latin-1"), "is not UTF-8"),
    "utf-16": ("name,imo\nEXAMPLE,9999010\n".encode("utf-16"), "is UTF-16"),
    "gzip": (b"\x1f\x8b\x08\x00", "is a gzip file"),
    "zip": (b"PK\x03\x04", "is a zip file"),
    "open quote": (b'name,imo\n"EXAMPLE,9999010\n' + b"OTHER,9999022\n" * 200, "quotation mark"),
    "open quote at the end": (b'name,imo\nOTHER,9999022\n"EXAMPLE,9999010\n', "quotation mark"),
    "persons only": (b'{"id":"p","schema":"Person","properties":{}}\n', "no vessel in this list"),
    "web page": (b"<!DOCTYPE html>\n<html><body>404</body></html>\n", "no column"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_error_with_file_line_and_remedy(name, tmp_path):
    data, what = BROKEN[name]
    path = tmp_path / "list.csv"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as found:
        read_list(Spec(name="x", path=str(path)))
    assert what in str(found.value)
    assert str(path) in str(found.value)
    assert found.value.remedy


@pytest.mark.parametrize("path", ["absent.csv", "."])
def test_a_file_that_is_none(path, tmp_path):
    with pytest.raises(InputError):
        read_list(Spec(name="x", path=str(tmp_path / path)))


def test_the_wrong_kind_is_said():
    for kind, text in (("opensanctions", PLAIN), ("ofac", PLAIN), ("ftm", PLAIN)):
        with pytest.raises(ConfigError):
            of(text, kind)


HOSTILE = [
    ("A" * 10_000_000, "too_long"),
    ("A" * 1000, "too_long"),
    ("EVIL\x1b[31mNAME", "control_characters"),
    ("EVIL\x00NAME", "control_characters"),
    ("EVIL\u202eNAME", "control_characters"),
    ('"=HYPERLINK(""http://x"")"', "formula"),
    ("\u9577\u6d77", "no_latin_name"),
]


@pytest.mark.parametrize(("name", "reason"), HOSTILE, ids=[reason + str(k) for k, (_, reason) in enumerate(HOSTILE)])
def test_a_hostile_name_is_counted_and_the_rest_of_its_entry_is_kept(name, reason):
    one = of(f"id,name,imo\n1,{name},9999010\n2,EXAMPLE SPIRIT,9999022\n")
    if len(name) > 200_000:  # longer than a cell may be: the row is broken, the next one is not
        assert one.reading.rejected == {"broken_row": 1}
        assert [entry.imos for entry in one.entries] == [(9_999_022,)]
    else:
        assert one.reading.rejected == {reason: 1}
        assert [entry.imos for entry in one.entries] == [(9_999_010,), (9_999_022,)]
        assert one.entries[0].names == ()
    sample = next(iter(one.reading.samples.values()))
    assert sample.isprintable()
    assert len(sample) < 120


def test_a_hostile_line_of_json_is_counted():
    huge = '{"id":"v","schema":"Vessel","caption":"' + "A" * 10_000_000 + '","properties":{}}'
    deep = '{"id":"v","schema":"Vessel","properties":{"name":' + "[" * 100_000 + "]" * 100_000 + "}}"
    one = of("\n".join((FTM.splitlines()[0], huge, deep, '{"id":1}', "nonsense", "[]")))
    assert len(one.entries) == 1
    assert one.reading.rejected["too_long"] == 1
    assert one.reading.rejected["broken_row"] == 4


def test_every_reason_is_explained_and_a_bad_value_never_hides_a_good_one():
    rows = ["1,9999011,257000001,LAXX1,GOOD NAME,,", "2,,,,,Atlantis,x", "3,9999010,111111110,!?,GOOD NAME,Atlantis,x", "4,5", "5,1234567,,,GOOD NAME,,"]
    one = of("id,imo,mmsi,callsign,name,flag,length_m\n" + "\n".join(rows))
    assert set(one.reading.rejected) == {
        "imo_check_digit", "nothing_to_find", "flag_unknown", "length_form", "mmsi_placeholder", "callsign_form", "broken_row", "imo_example",
    }  # fmt: skip
    assert set(one.reading.rejected) <= set(REASONS)
    assert [(entry.id, entry.imos, entry.mmsis) for entry in one.entries] == [("1", (), (257_000_001,)), ("3", (9_999_010,), ()), ("5", (), ())]


def attempt(path, kind):
    """The list, or None where there is the one error that may be."""
    try:
        return read_list(Spec(name="x", path=str(path), kind=kind))
    except InputError:
        return None


@settings(deadline=None, max_examples=60)
@given(
    st.one_of(st.binary(max_size=300), st.sampled_from([MARITIME, SDN, FTM, PLAIN]).map(str.encode)),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=8),
)
def test_whatever_the_bytes_there_is_a_list_or_one_clear_error(tmp_path_factory, data, changes):
    damaged = bytearray(data)
    for at, value in changes:
        if damaged:
            damaged[at % len(damaged)] = value
    path = tmp_path_factory.mktemp("fuzz") / "list"
    path.write_bytes(damaged)
    for kind in ("auto", "csv", "ofac", "ftm", "opensanctions"):
        one = attempt(path, kind)
        if one is not None:
            assert one.entries
            assert all(text.isprintable() for entry in one.entries for text in (entry.id, *entry.names, *entry.former, *entry.callsigns))


CONFIG = """profile = "border"
[[watchlists]]
name = "ofac"
path = "sdn.csv"
kind = "ofac"
valid_from = "2026-01-01"
[[watchlists]]
name = "ofac"
path = "sdn2.csv"
valid_from = "2026-02-01T06:00Z"
valid_until = "2026-03-01"
"""


def config(tmp_path, text):
    path = tmp_path / "c.toml"
    path.write_text(text)
    return read_config(path)


def test_the_configuration_names_lists_with_their_periods(tmp_path):
    found = config(tmp_path, CONFIG).watchlists
    assert [(one.name, one.kind, one.encoding) for one in found] == [("ofac", "ofac", "utf-8"), ("ofac", "auto", "utf-8")]


@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ('kind = "ofac"', 'kind = "ofacc"', 5, "watchlists[0].kind"),
        ('kind = "ofac"', 'knd = "ofac"', 5, "watchlists[0].knd"),
        ('name = "ofac"', 'name = "OFAC list"', 3, "watchlists[0].name"),
        ('valid_from = "2026-01-01"', 'valid_from = "yesterday"', 6, "watchlists[0].valid_from"),
        ('valid_from = "2026-01-01"', "valid_from = 2026-01-01", 6, "watchlists[0].valid_from"),
        ('valid_until = "2026-03-01"', 'valid_until = "2026-01-15"', 11, "watchlists[1].valid_until"),
        ('valid_from = "2026-02-01T06:00Z"', 'valid_from = "2026-01-01"', 8, "watchlists[1].name"),
        ('path = "sdn2.csv"\n', "", 7, "watchlists[1]"),
    ],
)
def test_a_fault_of_the_configuration_has_file_line_key_and_remedy(old, new, line, key, tmp_path):
    with pytest.raises(ConfigError) as found:
        config(tmp_path, CONFIG.replace(old, new, 1))
    assert (found.value.line, found.value.key) == (line, key)
    assert found.value.remedy


def test_names_on_a_command_line():
    assert spec_of("lists/OFAC_sdn.csv").name == "ofac-sdn"
    assert (spec_of("us=lists/sdn.csv").name, spec_of("us=lists/sdn.csv").path) == ("us", "lists/sdn.csv")
    for text, more in (("U S=x.csv", {}), ("x.csv", {"kind": "pdf"}), ("x.csv", {"encoding": "ebcdic"})):
        with pytest.raises(InputError):
            spec_of(text, **more)


def test_an_old_list_is_said_and_a_renewed_one_is_not(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("name,imo\nEXAMPLE,9999010\n")
    old = Spec(name="x", path=str(path), valid_from="2026-01-01", valid_until="2026-01-05")
    new = Spec(name="x", path=str(path), valid_from="2026-01-05")
    day = 1_767_225_600_000
    assert any("is used on" in text for text in notes(read_lists([old]), day + 9 * DAY_MS))
    assert not any("is used on" in text for text in notes(read_lists([old]), day + 2 * DAY_MS))
    assert not any("is used on" in text for text in notes(read_lists([old, new]), day + 9 * DAY_MS))


def test_a_shelf_sees_a_changed_file_once(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("name,imo\nEXAMPLE,9999010\n")
    shelf = Shelf([Spec(name="x", path=str(path))])
    assert shelf.changed() is None
    path.write_text("name,imo\nEXAMPLE,9999010\nOTHER,9999022\n")
    assert len(shelf.changed().lists[0].entries) == 2
    assert shelf.changed() is None
    path.write_text("nonsense")
    with pytest.raises(ConfigError):
        shelf.changed()
    assert shelf.changed() is None, "a fault is said once"


def test_rejects_are_documents_too():
    assert msgspec.json.encode(of(FTM).reading.samples)
