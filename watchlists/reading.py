"""Reading: what was found in a list, and what was refused, by reason. May hold: the collecting and its counts. May not: any file format.

A refused value does not lose its entry: a name of ten million letters is no reason to forget a valid IMO number beside it. An entry
that has nothing left to be found by is refused itself. Every refusal is counted, and the first of each reason is kept with its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from watchlists.entry import Entry
from watchlists.flags import flag_of
from watchlists.names import plain_of
from watchlists.values import RefusedError, call_sign, imo_number, mmsi_number, text_of

T = TypeVar("T", int, str)
ENTRIES_MAX = 500_000  # beyond it the memory of the index would be the limit
VALUES_MAX = 64  # names or numbers of one kind that an entry may bring
SAMPLE_LETTERS = 60
REASONS = {  # what each count means, for people
    "not_a_vessel": "rows of persons, companies or other things: read over",
    "broken_row": "rows that are no row of this format",
    "nothing_to_find": "entries without a usable number, call sign or name",
    "too_long": "values of more than 200 letters",
    "control_characters": "values with escape sequences or other control characters",
    "formula": "values that a spreadsheet would take for a formula",
    "imo_form": "IMO numbers that are no seven digits",
    "imo_check_digit": "IMO numbers with a wrong check digit",
    "imo_example": "IMO numbers that are typed in for want of one",
    "mmsi_form": "MMSIs that are no ship's nine digits",
    "mmsi_placeholder": "MMSIs that are typed in for want of one",
    "mmsi_country": "MMSIs whose country digits nobody has",
    "callsign_form": "call signs that cannot be one",
    "flag_unknown": "flags whose name is not known here",
    "date_form": "dates that are no date",
    "length_form": "lengths that are no number of metres",
    "no_latin_name": "names without Latin letters: no AIS set can send them",
    "same_id": "entries with an id that came before: joined to the first",
    "too_many_values": "values beyond the first 64 of their kind in one entry",
    "too_many_entries": "entries beyond the first 500,000",
}


@dataclass(slots=True)
class Reading:
    """Entries by id in order of appearance, counts of refusals, the first sample of each: 'line 12: ...'."""

    entries: dict[str, Entry] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    samples: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    ignored: list[str] = field(default_factory=list)  # columns that were read over

    def refuse(self, reason: str, line: int, value: str) -> None:
        """Count one refusal."""
        assert reason in REASONS, f"'{reason}' has no explanation"
        self.rejected[reason] = self.rejected.get(reason, 0) + 1
        if reason not in self.samples:
            shown = value[: SAMPLE_LETTERS + 1]
            shown = shown.encode("unicode_escape").decode("ascii") if not shown.isprintable() else shown
            self.samples[reason] = f"line {line}: {shown[:SAMPLE_LETTERS]}{'...' if len(shown) > SAMPLE_LETTERS else ''}"

    def each(self, read: Callable[[str], T], raw: Iterable[str], line: int) -> tuple[T, ...]:
        """What `read` makes of each raw value, without doubles, empties and what it refuses."""
        found: dict[T, None] = {}
        for value in raw:
            try:
                one = read(value)
            except RefusedError as fault:
                self.refuse(fault.reason, line, value)
                continue
            if not one:
                continue
            if len(found) >= VALUES_MAX:
                self.refuse("too_many_values", line, value)
                break
            found[one] = None
        return tuple(found)

    def names(self, raw: Iterable[str], line: int) -> tuple[str, ...]:
        """Names that can be compared; the others are counted."""
        found = self.each(text_of, raw, line)
        for name in found:
            if not plain_of(name):
                self.refuse("no_latin_name", line, name)
        return tuple(name for name in found if plain_of(name))

    def imos(self, raw: Iterable[str], line: int) -> tuple[int, ...]:
        """IMO numbers of ships."""
        return self.each(imo_number, (value[:1000] for value in raw), line)

    def mmsis(self, raw: Iterable[str], line: int) -> tuple[int, ...]:
        """MMSIs of ships."""
        return self.each(mmsi_number, raw, line)

    def callsigns(self, raw: Iterable[str], line: int) -> tuple[str, ...]:
        """Call signs."""
        return self.each(call_sign, raw, line)

    def flags(self, raw: Iterable[str], line: int) -> tuple[str, ...]:
        """Flags as two letters."""
        found = []
        for text in self.each(text_of, raw, line):
            if code := flag_of(text):
                found.append(code)
            else:
                self.refuse("flag_unknown", line, text)
        return tuple(dict.fromkeys(found))

    def add(self, entry: Entry, shown: str) -> None:
        """Keep an entry if anything can find it; one whose id came before is joined to the first."""
        if not (entry.imos or entry.mmsis or entry.callsigns or entry.names or entry.former):
            self.refuse("nothing_to_find", entry.line, shown)
            return
        known = self.entries.get(entry.id)
        if known is not None:
            self.refuse("same_id", entry.line, entry.id)
            self.entries[entry.id] = _joined(known, entry)
        elif len(self.entries) >= ENTRIES_MAX:
            self.refuse("too_many_entries", entry.line, entry.id)
        else:
            self.entries[entry.id] = entry

    def id_of(self, raw: str, line: int) -> str:
        """The id that a list gives, or, where it gives none that can be shown, the line."""
        try:
            return text_of(raw) or f"line-{line}"
        except RefusedError as fault:
            self.refuse(fault.reason, line, raw)
            return f"line-{line}"


def _joined(one: Entry, other: Entry) -> Entry:
    """Two rows of one entry as one; the period is that of the first."""
    sets = ("names", "former", "imos", "mmsis", "callsigns", "flags", "former_flags")
    joined: dict[str, Any] = {name: tuple(dict.fromkeys((*getattr(one, name), *getattr(other, name)))) for name in sets}
    return replace(one, **joined, length_m=one.length_m or other.length_m)
