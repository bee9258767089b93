"""The words of line accounting: why a line was rejected, what kind of other line it was, what was noted beside it.

May live here: names with their meaning, for documents, the console and `doctor`. May not: decoding.
The kernel counts by position in its own tuples; a test holds both lists together.
"""

from __future__ import annotations

REJECTED = {
    "bad_checksum": "the two hex digits do not match the sentence",
    "no_checksum": "no '*hh' on the line",
    "bad_fragment": "fragment count or number impossible, or header fields missing",
    "bad_fill": "fill bits not 0-5",
    "empty_payload": "nothing between the commas",
    "too_short": "not even a whole MMSI (under 38 bits)",
    "bad_armour": "a byte outside the six-bit alphabet, although the checksum is right",
    "unknown_type": "message type 0 or above 28",
    "bad_part": "type 24 with part number 2 or 3",
    "bad_length": "type 22, 23, 25, 26, 27 or 28 with a length it cannot have: noise",
    "line_too_long": "a line over 1,024 or a sentence over 512 bytes",
    "bad_tag": "a line of tag block only, unterminated, too long or without checksum",
    "orphan_part": "a later fragment whose first one is not there",
    "part_order": "fragments out of order: a part is missing in between",
    "part_restart": "replaced by a new first fragment with the same key",
    "part_expired": "the rest did not come within 2 s or 1,000 sentences",
    "part_evicted": "more than 1,024 messages open",
    "dup_part": "a repeated identical fragment",
    "part_too_long": "fragments join to more than 240 characters",
    "link_reset": "open when the connection was lost",
}

NOTED = {
    "garbage_prefix": "unknown bytes before the sentence, skipped",
    "bad_tag": "a damaged tag block lost, its sentence kept",
    "tag_checksum": "tag block with a wrong checksum, kept",
    "talker_unknown": "a talker other than AB, AD, AI, AN, AR, AS, AT, AX, BS, SA",
    "time_implausible": "a stamp outside 2000 .. arrival + 1 day, not used",
    "time_backstep": "a stamp more than 5 s before the one before it, used",
    "time_foreign": "a stamp over 1 h off the own-ship clock in use, not used",
    "own_ship_jump": "an RMC or ZDA over 1 h off the own-ship clock, not used",
    "n_gap": "the line counter of a station jumped: lines lost upstream",
    "pghp_mismatch": "$PGHP names another checksum than its sentence has",
    "pghp_buffered": "$PGHP says the sentence was buffered: flagged as delayed",
    "pghp_bad": "$PGHP with a wrong checksum or an impossible date, not used",
    "station_overflow": "more than 4,095 stations: the rest share the source's name",
    "checksum_flagged": "decoded although its checksum is wrong (forensic mode)",
    "damaged_safety": "distress text or beacon with a wrong checksum, sent ahead as damaged",
    "tag_dropped": 'tag block with a wrong checksum, not used (tags = "strict")',
    "radio_time_late": "the radio's UTC minute is over 1 min before the event time: delayed or played again, flagged",
    "radio_time_ahead": "the radio's UTC minute is over 1 min after the event time: a clock is wrong, its or ours",
    "base_clock_off": "a base station's date and time over 60 s off the receive time",
    "time_none": "messages without any time",
    "time_tag": "messages timed by tag block",
    "time_pghp": "messages timed by $PGHP",
    "time_trailer": "messages timed by a trailing epoch",
    "time_prefix": "messages timed by a leading stamp",
    "time_own_ship": "messages timed by own-ship RMC or ZDA",
    "time_arrival": "messages timed by their arrival",
    "time_base": "messages timed by agreeing base stations",
}

OTHER = {
    "comment": "line beginning with '#'",
    "json": "line beginning with '{'",
    "binary": "bytes that are no text",
    "text": "any other text without a sentence",
}
