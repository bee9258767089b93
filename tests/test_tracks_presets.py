"""Presets: every one is a set of parameters that exist, and a profile may name them and lay its own numbers over them."""

import pytest

from dogwatch.errors import ConfigError
from tracks.params import Params
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
