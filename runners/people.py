"""Who may use the console of a configuration, and the database where that stands. May hold: that wiring. May not: HTTP, the command line's words."""

from __future__ import annotations

from pathlib import Path

from console.database import URL_PREFIXES
from console.decisions import Decisions
from console.proxy import Trust
from console.users import Users
from dogwatch.config import Config
from dogwatch.config import Console as Settings
from dogwatch.errors import InputError
from runners.rules import read_config


def people(settings: Settings, decisions: Decisions) -> tuple[Users, Trust]:
    """The users of a console, and the proxy that it believes."""
    trust = Trust(settings.proxy, settings.user_header, settings.role_header)
    return Users(decisions, session_h=settings.session_h, proxied=bool(trust.address and trust.user_header)), trust


def database_of(config_file: Path | None, database: str) -> str:
    """Where decisions, users and the watch log stand: as named, as a configuration says, or in the folder of the defaults. Raises InputError."""
    if config_file is not None and database:
        raise InputError("two places: --config and --database", remedy="name one")
    if database:
        return database
    config = read_config(config_file) if config_file is not None else Config()
    return config.console.decisions or str(Path(config.data_dir) / "decisions.sqlite")


def existing(where: str) -> str:
    """The same place, if there is a database. Raises InputError."""
    if not where.startswith(URL_PREFIXES) and not Path(where).is_file():
        raise InputError(
            f"there is no database at {where}", remedy="name the file or the postgresql:// address with --database, or the configuration with --config"
        )
    return where


def keep_days(config_file: Path | None) -> tuple[float | None, float | None]:
    """How many days the watch log, and what load is counted from, are kept; None = for good. Raises InputError."""
    settings = read_config(config_file).console if config_file is not None else Settings()
    return settings.keep_log_days, settings.keep_load_days
