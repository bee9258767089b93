# Few words: install demo test lint check bench kafka docs clean
PY ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
unexport PYTHONDONTWRITEBYTECODE # images for containers set it: each of the programs that the tests start would translate every module anew

.PHONY: install demo test lint check bench bench-backtest bench-console bench-decode bench-encode bench-kafka bench-sim bench-takeover bench-tracks bench-watchlists truth sea-quality screenshots fuzz kafka chaos outage docs clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt package.json package-lock.json zones/build.py zones/rings.py zones/coast.py console/build_static.py
	$(PY) -c 'import sys; sys.exit("dogwatch needs Python 3.11 or later, this is " + sys.version.split()[0] + "; try: make PY=python3.12") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PY) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[kafka,console,postgres,zones,learn,dev]'
	$(BIN)/python -m runners.assets
	touch $@

demo: install
	$(BIN)/dogwatch demo

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check: install
	$(BIN)/mypy

bench: install
	$(BIN)/python -m benchmarks.pipeline

# Peers have environments of their own; one that cannot be made is reported as absent
bench-decode: install .cache/peers/aiscat/.installed .cache/peers/libais/.installed
	$(BIN)/python -m benchmarks.decode $(BENCH)

.cache/peers/%/.installed: benchmarks/peers-%.txt
	rm -rf $(@D)
	$(PY) -m venv $(@D)
	if $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<; then touch $@; else rm -rf $(@D); echo "$* cannot be installed here: it will be absent"; fi

# BENCH='--quick' for a look of two minutes
bench-tracks: install .cache/peers/duckdb/.installed .cache/peers/polars/.installed .cache/peers/movingpandas/.installed
	$(BIN)/python -m benchmarks.tracks $(BENCH)

# 100,000 vessels against 20,000 entries. BENCH='--vessels 10000' for a look
bench-watchlists: install
	$(BIN)/python -m benchmarks.watchlists $(BENCH)

# A day of 20,000 vessels, two profiles. BENCH='--hours 2 --out /tmp/look.json' for a look
bench-backtest: install
	$(BIN)/python -m benchmarks.backtest $(BENCH)

# A broker of its own on the same cores; ten minutes of a live sea, twelve in all. BENCH='--quick' for a look of four
bench-kafka: install
	$(BIN)/python -m benchmarks.kafka $(BENCH)

# Eight minutes of kills: how long track and score stand still, with a standby and without. BENCH='--minutes 3' for a look
bench-takeover: install
	$(BIN)/python -m benchmarks.takeover $(BENCH)

# Twenty consoles on 50,000 moving vessels, then a day of event time; needs Chromium and node. BENCH='--quick' for a look
bench-console: install
	$(BIN)/python -m benchmarks.console $(BENCH)

# Views of the console in three palettes, into docs/images; needs Chromium and node
screenshots: install
	$(BIN)/python -m benchmarks.screenshots $(SCREENSHOTS)

bench-encode: install
	$(BIN)/python -m benchmarks.encode

# SIM='--vessels 20000 --hours 1' for a short run
bench-sim: install
	$(BIN)/python -m benchmarks.sim $(SIM)

# What the detectors find in fresh seas with known facts, and in recordings. TRUTH='--seeds 1,2,3', '--quick', '--only meetings,clean'
truth: install
	$(BIN)/python -m benchmarks.truth $(TRUTH)

# SEAS='strait clean --minutes 60'; the recordings lie in DOGWATCH_SHARED_DATA
sea-quality: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[report]'
	$(BIN)/python -m benchmarks.sea_quality $(SEAS)

# FUZZ='--seed 7 --atheris 600' for another run
fuzz: install
	$(BIN)/python -m benchmarks.fuzz $(FUZZ)

kafka: install
	$(BIN)/python -m runners.broker run

# Kills every stage and the broker until the log in .cache/chaos holds CHAOS_KILLS; CHAOS='--summary' also writes the totals
CHAOS_SEED ?= 1
CHAOS_KILLS ?= 1000
chaos: install
	$(BIN)/python -m benchmarks.chaos --seed $(CHAOS_SEED) --kills $(CHAOS_KILLS) $(CHAOS)

# The broker is killed and stays away for so long while a live source goes on
OUTAGE_MINUTES ?= 10
outage: install
	$(BIN)/python -m benchmarks.outage --minutes $(OUTAGE_MINUTES) $(OUTAGE)

docs: install
	$(BIN)/python -m pytest tests/test_docs.py

clean:
	rm -rf $(VENV) node_modules zones/data console/static/vendor .cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
