"""Serial sources: a receiver on a serial line or a USB adapter. May live here: opening, reading, reopening. May not: sentences.

38400 baud 8N1 (NMEA 0183-HS) is about 77 sentences a second; at 4800 a multiplexer loses traffic without a word.
A device that is not there is waited for: after a power cut, USB may be slower than we are. What is there and is no
device is an error of the configuration.
"""

from __future__ import annotations

import os
import stat
from typing import Any

import serial

from dogwatch.errors import InputError
from ingest.source import GARBLED_S, POLL_S, READ_BYTES, Backoff, Connection, Reader


class SerialPort(Reader):
    """Reads a serial device, and opens it again when it was unplugged or fell silent. Drops the oldest when nobody takes it."""

    lossy = True

    def __init__(self, source: str, path: str, baud: int, *, dtr: bool = True, rts: bool = True, **common: Any) -> None:
        super().__init__(source, **common)
        self.path, self.baud, self.dtr, self.rts = path, baud, dtr, rts

    def open(self) -> None:
        """Refuse what is no serial device. Raises InputError."""
        where = f"source '{self.source}': {self.path or 'path'}"
        if not self.path:
            raise InputError(f"{where} is empty", remedy='name the device: path = "/dev/serial/by-id/..." stays the same over restarts')
        if self.path.startswith("/") and os.path.exists(self.path):
            if not stat.S_ISCHR(os.stat(self.path).st_mode):
                raise InputError(f"{where} is no serial device", remedy='name one under /dev/serial/by-id, or use kind = "file"')
            if not os.access(self.path, os.R_OK | os.W_OK):
                raise InputError(f"{where} may not be opened", remedy="add your user to the group that owns it (often dialout)")

    def read(self) -> None:
        """Open and read until stopping."""
        backoff = Backoff(self.rng)
        while not self.stopping:
            try:
                port = open_port(self.path, self.baud, dtr=self.dtr, rts=self.rts)
            except (OSError, ValueError) as fault:  # SerialException is an OSError; ValueError: a baud rate it does not know
                self.failed(fault)
            else:
                if self._stay(port):
                    backoff.reset()
            self.wait(backoff.next_s())

    def _stay(self, port: serial.Serial) -> bool:
        """Read until the device is gone; whether it was steady."""
        words = f"bytes, but no valid sentence for {GARBLED_S:g} s: wrong speed? (baud = {self.baud}; 'dogwatch doctor --config' tries others)"
        connection = Connection(self, self.path, garbled_words=words)
        opened_s = self.clock.monotonic_s()
        with port:
            while not self.stopping:
                try:
                    data = port.read(min(max(1, port.in_waiting), READ_BYTES))
                except (OSError, TypeError) as fault:  # TypeError: pyserial 3.5 when the device goes between two of its calls
                    self.counters.error = str(fault)
                    break
                if data:
                    connection.take(data)
                    continue
                self.tend()
                if 0 < self.silent_s <= self.clock.monotonic_s() - max(opened_s, self.heard_s):
                    self.counters.error = f"no byte for {self.silent_s:g} s: opening anew"
                    break
        connection.end()
        return connection.steady


def open_port(path: str, baud: int, *, dtr: bool, rts: bool) -> serial.Serial:
    """An open device: raw 8N1, ours alone, no flow control. Raises OSError (also pyserial's own), ValueError for an impossible baud.

    dtr, rts: set before opening, because some receivers take a change of DTR for a reset, and some interfaces are fed by it.
    """
    port = serial.Serial(None, baud, timeout=POLL_S, exclusive=True)
    port.dtr, port.rts, port.port = dtr, rts, path
    port.open()
    return port
