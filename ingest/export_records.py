"""Export of records: every message whole -> one JSON object per line. May live here: the envelope around a record.

May not: opening files (the caller hands a binary stream), decoding, what a message says (records.py).

Keys are `t`, `source`, `type`, `mmsi`, then the fields of the record with units in their names, then `t_rx`, `exercise` and
`flags`. Missing is null, never a sentinel, and every field of a type is in every line of it. Binary data are hexadecimal.
Where it is asked for, types 6 and 8 also have `application`: what their data say, in pyais' words, or null where it does not know them.
"""

from __future__ import annotations

from typing import Any, BinaryIO

import msgspec
import numpy as np

from dogwatch.batch import F_EXERCISE, Batch
from ingest.export import iso_times, words
from ingest.records import AddressedBinary, BroadcastBinary, Record, application_fields, record


class RecordWriter:
    """Writes the `others` of batches: all messages where the decoder keeps all (`DecodeState(keep_all=True)`).

    applications: application messages too, which pyais reads one at a time.
    """

    def __init__(self, stream: BinaryIO, *, applications: bool = False) -> None:
        self.stream, self.applications = stream, applications
        self.encoder = msgspec.json.Encoder()

    def write(self, batch: Batch) -> None:
        """Append what the messages of a batch say, in arrival order."""
        rows = batch.others
        start = rows["start"].astype(np.int64)
        sentences = [batch.raw[a:b] for a, b in zip(start.tolist(), (start + rows["length"]).tolist())]
        said = [record(sentence) for sentence in sentences]
        assert None not in said, "the decoder hands on nothing else"
        times = (iso_times(rows[name]).to_pylist() for name in ("t_ms", "t_rx_ms"))
        cells = zip(said, *times, rows["src"].tolist(), rows["flags"].tolist())
        objects = [_object(each, t, t_rx, batch.receivers[src], flags) for each, t, t_rx, src, flags in cells if each is not None]
        if self.applications:
            for sentence, each, fields in zip(sentences, said, objects):
                if isinstance(each, AddressedBinary | BroadcastBinary):
                    fields["application"] = _hexadecimal(application_fields(sentence))
        self.stream.write(self.encoder.encode_lines(objects))


def _hexadecimal(fields: dict[str, Any] | None) -> dict[str, Any] | None:
    return fields and {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}


def _object(said: Record, t: str | None, t_rx: str | None, source: str, flags: int) -> dict[str, Any]:
    fields = {name: getattr(said, name) for name in said.__struct_fields__[3:]}
    if fields.get("data") is not None:
        fields["data"] = fields["data"].hex()
    head = {"t": t, "source": source, "type": said.msg_type, "mmsi": said.mmsi, "repeat": said.repeat}
    return head | fields | {"t_rx": t_rx, "exercise": bool(flags & F_EXERCISE), "flags": words(flags) if flags else None}
