"""What the doctor found about one thing. May not: look for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Finding:
    """One checked thing. state: OK, WARN (works, with less) or FAIL."""

    name: str
    state: str
    detail: str
    remedy: str = ""
    measures: dict[str, Any] = field(default_factory=dict)  # of a source that was listened to
