"""The file of a model of normal traffic. May hold: reading and writing it. May not: fit (runners/learning.py), judge (risk/normality.py).

Arrays and JSON in the project's own checksummed form: nothing in it can be executed.
"""

from __future__ import annotations

from pathlib import Path

from dogwatch import blob
from dogwatch.errors import InputError
from risk.normality import Normality
from runners.ledger import replace_file

MODEL_SCHEMA = 201  # grows with any change of what the numbers in a model mean; differs from every other blob's


def write_model(path: Path, model: Normality) -> None:
    """Write a model whole, or leave the old file. Raises SurroundingsError or InputError where that cannot be done."""
    replace_file(path, blob.pack(model.to_sections(), schema=MODEL_SCHEMA))


def read_model(path: Path) -> Normality:
    """A model from disk. Raises InputError with one message for a file that is absent, damaged, changed, or of another version."""
    remedy = "make it anew with 'dogwatch learn', or leave it out: nothing is then added to any score"
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise InputError(f"cannot read model {path}: {fault.strerror}", remedy=remedy) from fault
    try:
        return Normality.from_sections(blob.unpack(data, schema=MODEL_SCHEMA))
    except InputError as fault:
        raise InputError(f"{path} is no model that this build can use: {fault.what}", remedy=remedy) from fault
