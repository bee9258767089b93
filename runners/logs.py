"""How a stage's log lines look: text for people, or one JSON object a line for machines. May not: decide what is logged."""

from __future__ import annotations

import logging
from typing import Literal

import msgspec

from dogwatch.times import iso

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class JsonLines(logging.Formatter):
    """`{"t": ..., "level": ..., "logger": ..., "stage": ..., "message": ..., "fault": ...}`; t in UTC, fault only with a traceback."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self.stage = stage

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        told = {"t": iso(round(record.created * 1000)), "level": record.levelname, "logger": record.name, "stage": self.stage, "message": record.getMessage()}
        if record.exc_info:
            told["fault"] = self.formatException(record.exc_info)
        return msgspec.json.encode(told).decode()


def start_logs(stage: str, form: Literal["text", "json"]) -> None:
    """Lines go to stderr: ours from INFO on, others' from WARNING on. A second call changes nothing."""
    logging.basicConfig(level=logging.WARNING, format=FORMAT)
    if form == "json":
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonLines(stage))
    logging.getLogger("dogwatch").setLevel(logging.INFO)
