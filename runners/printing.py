"""Where commands print: data to stdout, words to stderr. May hold: those two and JSON. May not: what is said."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from rich.console import Console as Terminal

out = Terminal(emoji=False)  # ':100:' is a line number here, not a picture
err = Terminal(stderr=True, emoji=False)


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    sys.stdout.buffer.flush()
