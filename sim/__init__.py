"""A sea that never was: simulated vessels, behaviours, radio and truth, for tests, training and judging.

The ways in are `sim.scenario.load_scenario`, `sim.simulate.simulate`, `sim.truth.truth_rows`, `sim.judge.judge` and
`sim.faults.damage`. Everything here is an exercise: every sentence carries a station name that begins with `EX-`.
"""
