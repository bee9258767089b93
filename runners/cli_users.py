"""The command line for users of the console: `dogwatch users ...`. May hold: arguments and messages. May not: what a user is (console/users.py)."""

from __future__ import annotations

import contextlib
import getpass
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dogwatch.errors import InputError, SurroundingsError
from runners.printing import err, out, print_json

if TYPE_CHECKING:
    from console.users import Users

users_app = typer.Typer(no_args_is_help=True, help="Who may log in to the console.")
ConfigOf = Annotated[Path | None, typer.Option("--config", help="Configuration file (TOML) whose console is meant.")]
Database = Annotated[str, typer.Option(help="File or postgresql:// address; default dogwatch-data/decisions.sqlite.")]
Generate = Annotated[bool, typer.Option(help="Make a password and print it once, on stdout.")]
FromInput = Annotated[bool, typer.Option(help="Read the password from the first line of stdin.")]


@contextlib.contextmanager
def _users(config: Path | None, database: str, *, make: bool = False) -> Iterator[Users]:
    from console.database import StoreError
    from console.decisions import Decisions
    from console.users import Users
    from runners.people import database_of, existing

    where = database_of(config, database)
    decisions = Decisions(where if make else existing(where))
    try:
        yield Users(decisions)
    except StoreError as fault:
        raise SurroundingsError(f"the database refused: {fault}", remedy="check its disk or its server; nothing was changed") from fault
    finally:
        decisions.close()


def _password(generate: bool, stdin: bool) -> str:
    """From where it was asked for; typed twice where nothing was said. Never from the command line, which others on the machine can read."""
    from console.passwords import generated

    if generate:
        return generated()
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise InputError("there is no terminal to type a password", remedy="give --generate or --password-stdin")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise InputError("the two passwords differ", remedy="type the same one twice")
    return first


def who_runs() -> str:
    """The name that this machine has for whoever runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _said(words: str, password: str) -> None:

    err.print(words, markup=False, highlight=False)
    if password:
        out.print(password, markup=False, highlight=False)


@users_app.command("add")
def add(
    name: str,
    role: Annotated[str, typer.Option(help="viewer, watchstander, supervisor, analyst or auditor.")],
    generate: Generate = False,
    password_stdin: FromInput = False,
    no_password: Annotated[bool, typer.Option(help="Comes through the proxy only, which checks who it is.")] = False,
    config: ConfigOf = None,
    database: Database = "",
) -> None:
    """A new user. Example: dogwatch users add ana --role watchstander --generate"""
    with _users(config, database, make=True) as users:
        password = "" if no_password else _password(generate, password_stdin)
        if not (password or no_password):
            raise InputError("the password is empty", remedy="give one, or --no-password for a user who comes through the proxy")
        users.add(name, role, password, by=who_runs())
    _said(f"{name} may log in as {role}; consoles that run know it within a second.", password if generate else "")


@users_app.command("passwd")
def passwd(name: str, generate: Generate = False, password_stdin: FromInput = False, config: ConfigOf = None, database: Database = "") -> None:
    """Another password; the user's open sessions end. Example: dogwatch users passwd ana --generate"""
    with _users(config, database) as users:
        password = _password(generate, password_stdin)
        users.set_password(name, password, by=who_runs())
    _said(f"{name} has another password; what was open with the old one is closed.", password if generate else "")


@users_app.command("remove")
def remove(name: str, config: ConfigOf = None, database: Database = "") -> None:
    """Take a user away; their entries in the log stay. Example: dogwatch users remove ana"""
    with _users(config, database) as users:
        users.remove(name, by=who_runs())
        left = len(users.all())
    note = "" if left else " Nobody is left: a console that runs goes on asking who it is, one that is started now is open to this machine only."
    _said(f"{name} is removed.{note}", "")


@users_app.command("list")
def show(config: ConfigOf = None, database: Database = "", as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Who may log in, as what. Example: dogwatch users list"""
    from console.users import plain_account

    with _users(config, database) as users:
        rows = [plain_account(account) for account in users.all()]
    if as_json:
        print_json(rows)
    for row in () if as_json else rows:
        out.print(f"{row['name']:<24} {row['role']:<12} {'' if row['password'] else 'through the proxy only'}".rstrip(), markup=False, highlight=False)
