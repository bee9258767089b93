"""Inheritance of profiles: `extends = "border"` lays a file over another one. May live here: the laying, and where a key came from.

May not: opening files (runners/ hands down the texts), what a key means (risk/profile.py).

Tables are laid over each other key by key. Rules, contexts and exclusions are told by their names: one that is there already changes only
in the keys that are given and keeps its place; a new one stands before all that are inherited, because special rules stand above general
ones; `without = ["name"]` leaves one out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dogwatch.config import REMEDY, Fault, KeyPath, dotted, line_of, plain_of
from dogwatch.errors import ConfigError

NAMED = ("rules", "contexts", "exclusions")
OWN = ("extends", "without")  # keys that say how files lie over each other; they are no part of what comes of it


@dataclass(slots=True)
class Layer:
    """One file of a profile."""

    file: str
    text: str
    plain: dict[str, Any]

    @classmethod
    def of(cls, text: str, file: str) -> Layer:
        """A file's text. Raises ConfigError for what is no TOML."""
        return cls(file, text, plain_of(text, file=file))


@dataclass(slots=True)
class Merged:
    """What comes of layers, and where each named item stands in them: (table, index) -> [(layer, index there)], newest first."""

    layers: list[Layer]
    plain: dict[str, Any] = field(default_factory=dict)
    origins: dict[tuple[str, int], list[tuple[Layer, int]]] = field(default_factory=dict)
    faults: list[ConfigError] = field(default_factory=list)

    def located(self, fault: Fault) -> ConfigError:
        """A fault with the file and the line of the layer that said it last."""
        path, what, remedy = fault
        remedy = "see docs/rules.md" if remedy == REMEDY else remedy
        choices = [(layer, path) for layer in reversed(self.layers)]
        if len(path) > 1 and (origin := self.origins.get((str(path[0]), path[1] if isinstance(path[1], int) else -1))):
            choices = [(layer, (path[0], index, *path[2:])) for layer, index in origin]
        for depth in range(len(path), -1, -1):
            for layer, there in choices:
                if _has(layer.plain, there[:depth]):
                    return ConfigError(what, file=layer.file, line=line_of(layer.text, there), key=dotted(there), remedy=remedy)
        raise AssertionError("every layer has the empty path")


def merge(layers: Sequence[Layer]) -> Merged:
    """Lay files over each other, the oldest first. What cannot be laid is among its `faults`."""
    found = Merged(list(layers))
    named: dict[str, list[tuple[Any, list[tuple[Layer, int]]]]] = {name: [] for name in NAMED}
    for depth, layer in enumerate(layers):
        if depth and "name" not in layer.plain:
            found.faults.append(_fault(layer, "name", "has no name of its own", "a profile that extends another one is another profile"))
        _leave_out(found, named, layer)
        found.plain = _over(found.plain, {key: value for key, value in layer.plain.items() if key not in (*NAMED, *OWN)})
        for table in NAMED:
            items = layer.plain.get(table, [])
            if isinstance(items, list):
                named[table] = _lay(named[table], items, layer)
            else:
                found.faults.append(_fault(layer, table, "is no list of tables", f"write [[{table}]]"))
    for table in NAMED:
        if named[table]:
            found.plain[table] = [item for item, _ in named[table]]
            found.origins |= {(table, index): origin for index, (_, origin) in enumerate(named[table])}
    return found


def _lay(below: list[tuple[Any, list[tuple[Layer, int]]]], items: list[Any], layer: Layer) -> list[tuple[Any, list[tuple[Layer, int]]]]:
    known = {item["name"]: place for place, (item, _) in enumerate(below) if isinstance(item, dict) and isinstance(item.get("name"), str)}
    changed, new = list(below), []
    for index, item in enumerate(items):
        place = known.get(item["name"]) if isinstance(item, dict) and isinstance(item.get("name"), str) else None
        if place is None:
            new.append((item, [(layer, index)]))
        else:
            changed[place] = ({**changed[place][0], **item}, [(layer, index), *changed[place][1]])
    return new + changed


def _leave_out(found: Merged, named: dict[str, list[tuple[Any, list[tuple[Layer, int]]]]], layer: Layer) -> None:
    unwanted = layer.plain.get("without", [])
    if not isinstance(unwanted, list) or not all(isinstance(name, str) for name in unwanted):
        found.faults.append(_fault(layer, "without", "is no list of names", 'write without = ["name of a rule"]'))
        return
    known = {item.get("name") for items in named.values() for item, _ in items if isinstance(item, dict)}
    for name in unwanted:
        if name not in known:
            found.faults.append(_fault(layer, "without", f"nothing inherited is called '{name}'", "check the name"))
    for table, items in named.items():
        named[table] = [(item, origin) for item, origin in items if not (isinstance(item, dict) and item.get("name") in unwanted)]


def _fault(layer: Layer, key: str, what: str, remedy: str) -> ConfigError:
    return ConfigError(what, file=layer.file, line=line_of(layer.text, (key,)), key=key, remedy=remedy)


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for key, value in above.items():
        both[key] = _over(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


def _has(plain: Any, path: KeyPath) -> bool:
    for step in path:
        inside = step in plain if isinstance(plain, dict) else isinstance(plain, list) and isinstance(step, int) and step < len(plain)
        if not inside:
            return False
        plain = plain[step]
    return True
