"""Presets: every one is a set of parameters that exist, and a profile may name them and lay its own numbers over them."""

import msgspec
import pytest

from dogwatch.errors import ConfigError
from tracks.params import Params, params_of
from tracks.presets import PRESETS, preset, rules_of


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_changes_parameters_that_exist(name):
    assert preset(name) != Params()


def test_a_profile_lays_its_own_numbers_over_a_preset():
    rules = rules_of({"presets": ["dma_drift"], "drift": {"loa_m_min": 80.0}, "loitering": {"speed_kn_max": 1.5}})
    assert (rules.drift.loa_m_min, rules.drift.window_s, rules.loitering.speed_kn_max) == (80.0, 600.0, 1.5)
    assert rules_of({}) == Params()


@pytest.mark.parametrize("names", [["dma_dirft"], "dma_dirft", [3]])
def test_an_unknown_preset_is_named_with_what_is_known(names):
    with pytest.raises(ConfigError, match="dma_drift"):
        rules_of({"presets": names}, file="my.toml")


def _numbers(kind, path=()):
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _numbers(field.type, (*path, field.name))
        elif "float" in str(field.type) or "int" in str(field.type):
            yield (*path, field.name)


def test_no_number_may_be_without_end():
    """`inf` passes every lower bound, and no integer of a kernel holds it: it must be refused with its key, not when the first ship comes."""
    paths = list(_numbers(Params))
    assert len(paths) > 200
    for path in paths:
        for number in (float("inf"), 10**12):
            table = number
            for key in reversed(path):
                table = {key: table}
            with pytest.raises(ConfigError, match=path[-1]):
                params_of(table)
