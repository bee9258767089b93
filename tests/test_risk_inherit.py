"""A profile laid over another one: what changes, what stays, and which file a fault is in."""

from __future__ import annotations

import pytest
from risk_world import make, shipped

from dogwatch.errors import ConfigError, InputError
from runners.rules import read_profile

HEAD = 'extends = "border"\nname = "mine"\n'


def written(folder, text: str, name: str = "mine.toml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_what_is_not_said_is_inherited_and_the_hash_is_of_the_whole(tmp_path):
    mine, border = read_profile(written(tmp_path, HEAD)), shipped()
    assert (mine.name, mine.rules, mine.levels, mine.families) == ("mine", border.rules, border.levels, border.families)
    assert mine.content_hash != border.content_hash  # another name gives other alert ids
    flat = read_profile(written(tmp_path, HEAD + "[levels]\ncaution_milli = -1800\n", "same.toml"))
    assert flat.content_hash == mine.content_hash


def test_a_rule_of_the_same_name_changes_in_place_and_a_new_one_stands_first(tmp_path):
    text = HEAD + (
        '[[rules]]\nname = "waiting where vessels do not wait"\nweight = 0.9\n'
        '[[rules]]\nname = "waiting of small craft"\nfamily = "loitering"\nweight = 0.2\nbehaviours = ["loitering"]\nship_types = [70]\n'
        "[families.loitering]\ncap = 0.8\n"
    )
    mine, border = read_profile(written(tmp_path, text)), shipped()
    assert [rule.name for rule in mine.rules] == ["waiting of small craft", *(rule.name for rule in border.rules)]
    assert mine.rule_for(make("loitering", [1])).weight == 0.2
    changed = next(rule for rule in mine.rules if rule.name == "waiting where vessels do not wait")
    assert (changed.weight, changed.behaviours) == (0.9, ["loitering"])
    assert (mine.families["loitering"].cap, mine.families["loitering"].half_life_h) == (0.8, 48)


def test_a_rule_can_be_left_out(tmp_path):
    mine = read_profile(written(tmp_path, HEAD + 'without = ["waiting where vessels do not wait", "border"]\n'))
    assert mine.rule_for(make("loitering", [1])) is None
    assert [context.name for context in mine.contexts] == ["bound for the border"]


def test_files_extend_files_beside_them(tmp_path):
    written(tmp_path, HEAD + "base = -3.5\n", "below.toml")
    mine = read_profile(written(tmp_path, 'extends = "below.toml"\nname = "third"\nmin_confidence = 0.6\n'))
    assert (mine.base, mine.min_confidence, len(mine.rules)) == (-3.5, 0.6, len(shipped().rules))


FAULTS = [
    ('extends = "boarder"\nname = "x"\n', ["mine.toml:1: extends: no profile 'boarder'"]),
    ('name = "x"\nextends = "mine.toml"\n', ["mine.toml:2: extends: 'mine.toml' extends itself"]),
    ('extends = 3\nname = "x"\n', ["mine.toml:1: extends: is no name"]),
    ('extends = "none.toml"\nname = "x"\n', ["mine.toml:1: extends:", "does not exist"]),
    ('extends = "border"\n', ["mine.toml:1: name: has no name of its own"]),
    (HEAD + 'without = ["nobody"]\n', ["mine.toml:3: without: nothing inherited is called 'nobody'"]),
    (HEAD + "without = 3\n", ["mine.toml:3: without: is no list"]),
    (HEAD + '[[rules]]\nname = "silent near the border"\nweight = -1\n', ["mine.toml:5: rules[0].weight: weight -1"]),
    (HEAD + '[[rules]]\nname = "silent near the border"\nweigth = 1\n', ["mine.toml:5: rules[0].weigth: unknown key", "did you mean 'weight'"]),
    (HEAD + "[detectors.loitering]\nspeed_max = 1\n", ["mine.toml:4: detectors.loitering.speed_max: unknown key", "did you mean 'speed_kn_max'"]),
    (HEAD + '[detectors]\npresets = ["rtek"]\n', ["mine.toml:4: detectors.presets: no preset 'rtek'"]),
    (HEAD + "[levels]\nwarning_milli = -2000\n", ["mine.toml:4: levels.warning_milli: levels are not in rising order"]),
    (HEAD + "base = -9.0\n[levels]\nalarm_milli = 'x'\nb = 1\n[families.dark]\ncap = 0\n", ["2 faults", "mine.toml:5:", "mine.toml:6:"]),
    (HEAD + '[families.dark]\ncap = 99\n[[rules]]\nname = "new"\n', ["2 faults", "required field `weight`", "required field `family`", "mine.toml:5"]),
    (HEAD + 'rules = "all"\n', ["mine.toml:3: rules: is no list of tables"]),
]


@pytest.mark.parametrize(("text", "words"), FAULTS, ids=range(len(FAULTS)))
def test_a_fault_is_told_with_the_file_that_has_it(tmp_path, text, words):
    with pytest.raises(InputError) as fault:
        read_profile(written(tmp_path, text))
    for word in words:
        assert word in str(fault.value)


def test_a_fault_below_is_told_of_the_file_below(tmp_path):
    written(tmp_path, HEAD + "\n\nmin_confidence = 2\n", "below.toml")
    with pytest.raises(ConfigError, match=r"below\.toml:5: min_confidence"):
        read_profile(written(tmp_path, 'extends = "below.toml"\nname = "third"\n'))


def test_a_chain_has_a_limit(tmp_path):
    for index in range(10):
        written(tmp_path, f'extends = "p{index + 1}.toml"\nname = "p"\n', f"p{index}.toml")
    with pytest.raises(ConfigError, match="in a row"):
        read_profile(str(tmp_path / "p0.toml"))
