"""Errors, and whose fault they are. May hold: exception classes with plain values. May not: rich objects, logging, exits.

    DogwatchError
    +-- InputError      the operator's: a file, a feed, a place on disk (exit code 2)
    |   +-- ConfigError     a configuration, profile or zones file, with file, line and key (exit code 2)
    +-- SurroundingsError   the world around us: broker gone, disk full, port taken at run time (exit code 3)

Bad bytes from the air are no error at all: they are counted by reason (`dogwatch.batch.Counts`).
Our own mistakes are assertions and stop the process.
"""

from __future__ import annotations


class DogwatchError(Exception):
    """Base of every error meant for a person: what is wrong, and the remedy."""

    exit_code = 3

    def __init__(self, what: str, *, remedy: str = "", value: object = None) -> None:
        self.what = what
        self.remedy = remedy
        self.value = value
        super().__init__(f"{what}. {remedy}" if remedy else what)


class InputError(DogwatchError):
    """Wrong input named by the operator (missing file, directory, unreadable archive, port in use)."""

    exit_code = 2


class ConfigError(InputError):
    """A fault in a configuration-like file, located: `file:line: key: what. remedy`; line 0: the file has no lines."""

    def __init__(self, what: str, *, file: str, line: int = 1, key: str = "", remedy: str = "", value: object = None) -> None:
        self.file, self.line, self.key, self.said = file, line, key, what  # `said`: what is wrong, without the place
        spot = f"{file}:{line}" if line else file
        where = f"{spot}: {key}: " if key else f"{spot}: "
        super().__init__(where + what, remedy=remedy, value=value)


class SurroundingsError(DogwatchError):
    """Something around us failed after the start: broker, disk, socket."""

    exit_code = 3
