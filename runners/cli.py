"""The command line. May hold: arguments, messages, exit codes. May not: any work that another runner could want.

Exit codes: 0 done, 1 found something, 2 wrong input or configuration, 3 fault of ours or around us, 130 interrupted cleanly.
stdout carries data, stderr progress and messages. Heavy imports stand inside the commands, so that `--help` is quick.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from dogwatch import __version__
from dogwatch.errors import DogwatchError, InputError
from runners.cli_audit import audit_app
from runners.cli_users import users_app
from runners.printing import err, out, print_json

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Maritime surveillance: AIS in, explained risk alerts out.",
)
zones_app = typer.Typer(no_args_is_help=True, help="Check, build, approve and show zones.")
rules_app = typer.Typer(no_args_is_help=True, help="Check rule profiles.")
watchlists_app = typer.Typer(no_args_is_help=True, help="Check lists of vessels, and screen vessels against them.")
kafka_app = typer.Typer(no_args_is_help=True, help="Topics of a Kafka deployment.")
app.add_typer(zones_app, name="zones")
app.add_typer(rules_app, name="rules")
app.add_typer(watchlists_app, name="watchlists")
app.add_typer(kafka_app, name="kafka")
app.add_typer(users_app, name="users")
app.add_typer(audit_app, name="audit")

NOTHING_LEARNED = "nothing learned yet: coverage comes of vessels under way (class A from 3 kn, B from 2.5), five minutes at a time"
DURATION_S_MAX = 366 * 86_400.0
ConfigFile = Annotated[Path, typer.Option("--config", help="Configuration file (TOML).")]
CaptureDir = Annotated[str, typer.Option("--capture", help="Keep what the sources say in this folder, for an exact replay.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def main() -> None:
    """Entry point: every expected fault becomes one message and its exit code, never a traceback."""
    try:
        app(standalone_mode=True)
    except DogwatchError as fault:
        err.print(f"dogwatch: {fault}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(fault.exit_code)
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            sys.stdout.close()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as fault:
        if os.environ.get("DOGWATCH_DEBUG"):
            raise
        err.print(
            f"dogwatch: a fault of ours: {type(fault).__name__}: {fault}. Set DOGWATCH_DEBUG=1 and run again for the details to report",
            markup=False,
            soft_wrap=True,
        )
        sys.exit(3)


def seconds(text: str) -> float:
    """'60s', '10m', '1h' or a plain number of seconds. Raises InputError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)?\s*", text)
    if not found:
        raise InputError(f"'{text}' is not a duration", remedy="write 60s, 10m or 1h")
    value = float(found.group(1)) * {"ms": 0.001, None: 1, "s": 1, "m": 60, "min": 60, "h": 3600}[found.group(2)]
    if value > DURATION_S_MAX:
        raise InputError(f"'{text}' is longer than {DURATION_S_MAX / 86_400:g} days", remedy="give a shorter one")
    return value


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


@app.command()
def version(as_json: Json = False) -> None:
    """Print the version. Example: dogwatch version"""
    print_json({"dogwatch": __version__}) if as_json else out.print(__version__, highlight=False)


@app.command()
def demo(
    headless: Annotated[bool, typer.Option(help="No page: alerts in the terminal only.")] = False,
    for_: Annotated[str, typer.Option("--for", help="Stop after this long, e.g. 60s.")] = "",
    speed: Annotated[float, typer.Option(help="Times real time.")] = 60.0,
    scenario: Annotated[str, typer.Option(help="Name of a shipped scenario.")] = "strait",
    seed: int = 7,
    port: Annotated[int, typer.Option(help="Port of the console; 0 = any free one.")] = 8642,
    browser: Annotated[bool, typer.Option(help="Open a browser window where there is a display.")] = True,
) -> None:
    """A simulated sea through the whole pipeline, with the console. Example: dogwatch demo --headless --for 60s"""
    from runners.demo import DemoOptions
    from runners.demo import demo as run_demo

    if not speed > 0:
        raise InputError(f"'{speed}' is not a speed", remedy="give a factor such as 60")
    for number in (signal.SIGINT, signal.SIGTERM):  # a script that begins it in the background leaves SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    options = DemoOptions(scenario, seed, speed, for_s=seconds(for_) if for_ else 0.0, headless=headless, port=port, open_browser=browser)
    run_demo(options, out)


@app.command()
def replay(
    inputs: Annotated[list[Path], typer.Argument(help="NMEA recordings (plain, .gz, .zst), CSV or Parquet of positions; or one capture: its folder or files.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for events.ndjson, alerts.ndjson, summary.json.")],
    profile: Annotated[str, typer.Option(help="Shipped profile by name, or a TOML file; default: border.")] = "",
    zones: Annotated[list[str] | None, typer.Option(help="Zones file (GeoJSON, GeoPackage, Shapefile, KML); may be repeated.")] = None,
    watchlist: Annotated[list[str] | None, typer.Option(help="List of vessels, FILE or NAME=FILE; may be repeated.")] = None,
    speed: Annotated[str, typer.Option(help="'max', or a multiple of recorded time.")] = "max",
    chunk_bytes: Annotated[int, typer.Option(min=1, help="Cut the input into pieces of this size; changes nothing but speed.")] = 65_536,
    resume: Annotated[bool, typer.Option(help="Continue a run that was interrupted, or whose recording has grown.")] = False,
    lateness: Annotated[str, typer.Option(help="How late a report may come and still count, e.g. 5s; default: 120s, or what a capture says.")] = "",
    lane: Annotated[list[str] | None, typer.Option(help="satellite: recorded from space, hours late; for one of several inputs NAME=satellite.")] = None,
    coverage: Annotated[Path | None, typer.Option(help="Coverage state learned by an earlier run.")] = None,
    normality: Annotated[str, typer.Option(help="Model of normal traffic, made by dogwatch learn.")] = "",
    config: Annotated[
        Path | None, typer.Option(help="Configuration: its profile, zones, watchlists, coverage, normality and [columns] are the defaults.")
    ] = None,
    exercise: Annotated[bool, typer.Option(help="Mark everything that comes out as exercise.")] = False,
    expect: Annotated[Path | None, typer.Option(help="Folder of golden events and alerts: exit code 1 where the result differs from them.")] = None,
    as_json: Json = False,
) -> None:
    """Recordings through the same code as live traffic. Example: dogwatch replay recording.nmea.gz --out out/"""
    from dogwatch.config import Config
    from runners.inputs import satellites_of
    from runners.listing import spec_of
    from runners.replay import Options
    from runners.replay import replay as run_replay
    from runners.rules import read_config, read_coverage, read_rules
    from runners.terminal import ReplayProgress, print_summary

    known = read_config(config) if config else Config()
    coverage = coverage or (Path(known.coverage) if known.coverage else None)
    rate = 0.0 if speed == "max" else _factor(speed)
    told: dict[str, list[Any]] = {
        "--profile": [profile],
        "--zones": zones or [],
        "--watchlist": watchlist or [],
        "--lateness": [lateness],
        "--lane": list(lane or []),
        "--coverage": [coverage or ""],
        "--normality": [normality],
        "--config": [config or ""],
    }
    words = [word for name, values in told.items() for value in values if value for word in (name, str(value))] + ["--exercise"] * exercise
    options = Options(out_dir, seconds(lateness) if lateness else None, rate, chunk_bytes, resume, exercise, known.columns, words)
    options.satellites = satellites_of(lane or [], inputs)
    lists = [spec_of(text) for text in watchlist or []] or known.watchlists
    rules = read_rules(profile or known.profile, zones or known.zones, lists, normality or known.normality)
    with ReplayProgress(err) as progress:
        summary = run_replay(inputs, rules, options, read_coverage(coverage) if coverage else None, progress.show, stop_on_signals())
    for note in summary["input_notes"]:
        err.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    print_json(summary) if as_json else print_summary(out, summary, out_dir)
    if expect:
        _expect(expect, out_dir, [*(str(one) for one in inputs), *words])


def _expect(golden: Path, found: Path, words: list[str]) -> None:
    """Say how a result differs from the golden one; exit code 1 where it does. `words`: of the replay, but for --out."""
    from runners.golden import advice, compare, shortened

    if differences := compare(golden, found):
        for line in [f"differs from {golden}:", *shortened(differences), advice(golden, found, [*words, "--expect", str(golden)])]:
            err.print(line, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    err.print(f"the same events and alerts as in {golden}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def run(
    config_file: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="Configuration file.")],
    until_end: Annotated[bool, typer.Option(help="Stop when every finite source has ended.")] = False,
    capture: CaptureDir = "",
) -> None:
    """Live: sources -> pipeline -> console, metrics. Example: dogwatch run examples/tcp.toml"""
    from runners.rules import read_config

    config = read_config(config_file)
    config.capture.dir = capture or config.capture.dir
    if config.kafka is not None:
        from runners.kafka_stage import run_all

        raise typer.Exit(run_all(config, config_file, out, stop_on_signals(), until_end=until_end))
    from runners.live import run_live

    stop = stop_on_signals()
    desk = run_live(config, out, stop, until_end=until_end)
    counts = desk.engine.counts()
    out.print(
        f"{counts.lines:,} lines, {sum(counts.decoded.values()):,} messages, {desk.engine.watch.track.vessel_count} vessels, {len(desk.lines.shown)} alerts.",
        highlight=False,
    )
    if stop.is_set():
        raise typer.Exit(130)


@app.command()
def sim(
    scenario: Annotated[str, typer.Argument(help="Shipped scenario by name, or a TOML file.")] = "",
    seed: int = 1,
    nmea: Annotated[Path | None, typer.Option(help="Write the recording here.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Write what is true in it here (NDJSON).")] = None,
    serve: Annotated[list[str] | None, typer.Option(help="Play it: [RECEIVER=]tcp://127.0.0.1:10110, udp://127.0.0.1:10110 or pty; may be repeated.")] = None,
    speed: Annotated[str, typer.Option(help="Of --serve: a multiple of real time, or 'max': as fast as it is read.")] = "1",
    once: Annotated[bool, typer.Option(help="Of --serve: end when the last listener has left, instead of waiting for another.")] = False,
    duration: Annotated[str, typer.Option(help="World time, e.g. 2h; default: the scenario's own.")] = "",
    zones: Annotated[Path | None, typer.Option(help="Write the scenario's own zones here (GeoJSON), for replay --zones.")] = None,
    faults: Annotated[str, typer.Option(help="Damage it: rates (lost=0.01,cut=0.002), a list (cut@1042:17 lost@1100), or a file with one.")] = "",
    faults_out: Annotated[Path | None, typer.Option(help="Write the list of what was done here; --faults takes it back.")] = None,
    background: Annotated[Path | None, typer.Option(help="Mix it into this recording (plain, .gz, .zst), at the recording's time and place.")] = None,
    names: Annotated[bool, typer.Option("--list", help="List the shipped scenarios.")] = False,
) -> None:
    """A simulated recording, or one played as radio hardware would. Example: dogwatch sim strait --seed 1 --nmea sea.nmea --truth truth.ndjson

    Two receivers, each on a port, as fast as they are read: dogwatch sim strait --serve hill=tcp://127.0.0.1:10110 --serve west=pty --speed max

    Damaged between radio and decoder: dogwatch sim strait --nmea rough.nmea --faults lost=0.01,cut=0.002 --faults-out done.txt

    In real traffic: dogwatch sim planted --background recording.nmea.gz --nmea mixed.nmea --truth truth.ndjson
    """
    from runners.simulated import Wanted, list_scenarios, serve_scenario, write_files

    if names or not scenario:
        list_scenarios(out)
        return
    duration_s = seconds(duration) if duration else None
    wanted = Wanted(scenario, seed, nmea, truth, zones, duration_s, faults, faults_out, background)
    if serve:
        if nmea is not None or faults_out is not None:
            raise InputError("--serve beside --nmea or --faults-out", remedy="play it, or write it: the same command without --serve writes the same bytes")
        if truth is not None or zones is not None:
            write_files(wanted)
        serve_scenario(wanted, serve, 0.0 if speed == "max" else _factor(speed), err, once=once)
        return
    print_json(write_files(wanted))


@app.command("learn-coverage")
def learn_coverage(scenario: str, out_file: Annotated[Path, typer.Option("--out")], seed: int = 1001) -> None:
    """Learn what a scenario's receivers can hear, for demos and tests. Example: dogwatch learn-coverage strait --out strait.coverage"""
    from runners.demo import learn_coverage as learn

    out.print(f"{learn(scenario, seed, out_file):,} fixes used; wrote {out_file}", highlight=False)


@app.command()
def learn(
    inputs: Annotated[list[Path], typer.Argument(help="Recordings of ordinary days, in any form that replay reads.")],
    out_file: Annotated[Path, typer.Option("--out", help="Write the model here.")],
    config: Annotated[Path | None, typer.Option(help="Configuration: its [columns] say how a table is read.")] = None,
    as_json: Json = False,
) -> None:
    """Learn which courses and speeds are usual, per area, type and size. Example: dogwatch learn week.nmea.gz --out model.normality"""
    from runners.learning import learn as run_learn
    from runners.rules import read_config

    model = run_learn(inputs, out_file, read_config(config).columns if config else None)
    if as_json:
        print_json({"hash": model.content_hash, **model.card})
        return
    told = f"{model.card['vessels']:,} vessels, {model.card['positions']:,} positions, {' to '.join(model.card['period'])}"
    out.print(f"{told}; wrote {out_file}, content {model.content_hash}", highlight=False, markup=False, soft_wrap=True)


@app.command()
def coverage(
    state: Annotated[Path, typer.Argument(help="--out folder of a replay, data folder of a live run, or a coverage file.")],
    geojson: Annotated[Path | None, typer.Option(help="Write the cells as GeoJSON.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the model alone: what `--coverage` and the key `coverage` of a configuration read.")] = None,
    as_json: Json = False,
) -> None:
    """Draw where each receiver hears, as learned from traffic. Example: dogwatch coverage out --geojson coverage.geojson"""
    from dogwatch import blob
    from runners.coverage_map import features, heard_by, load_coverage, picture, summary
    from runners.ledger import replace_file
    from runners.rules import COVERAGE_SCHEMA

    model = load_coverage(state)
    cells = heard_by(model)
    if save is not None:
        replace_file(save, blob.pack(model.to_sections(), schema=COVERAGE_SCHEMA))
    if geojson is not None:
        replace_file(geojson, msgspec.json.encode(features(cells)) + b"\n")
    rows = summary(cells)
    if as_json:
        print_json({"receivers": rows})
        return
    for one, row in zip(cells, rows, strict=True):
        share = "too little to say" if row["heard_share"] is None else f"{row['heard_share']:.0%} of 5-minute blocks heard"
        out.print(f"\n{one.receiver}, class {one.ais_class}: {row['learned_cells']} of {row['cells']} cells learned, {share}", highlight=False, markup=False)
        for line in picture(one):
            out.print(line, highlight=False, markup=False, no_wrap=True, crop=False)
    out.print("\n█ 90 % and more heard, ▓ 70 %, ▒ 40 %, ░ less; · too little to say" if cells else NOTHING_LEARNED, highlight=False)


@app.command()
def judge(
    events: Annotated[list[Path] | None, typer.Option(help="events.ndjson of a run; may be repeated, with as many --truth.")] = None,
    truth: Annotated[list[Path] | None, typer.Option(help="Truth file of the simulator, for each --events in order.")] = None,
    runs: Annotated[Path | None, typer.Option(help="Folder of runs, each with truth.ndjson and events.ndjson (or out/events.ndjson): all are pooled.")] = None,
    only: Annotated[str, typer.Option(help="Judge what is about these vessels alone: MMSI,MMSI.")] = "",
    as_json: Json = False,
) -> None:
    """Precision, recall and delay per behaviour, every miss and false alarm. Example: dogwatch judge --events out/events.ndjson --truth truth.ndjson

    Many runs as one, for a machine: dogwatch judge --runs runs --json

    One vessel alone: dogwatch judge --events out/events.ndjson --truth truth.ndjson --only 563900001
    """
    from runners.judging import find_runs, judge_files, print_report

    if runs is not None and (events or truth):
        raise InputError("--runs beside --events or --truth", remedy="name the folder, or the files")
    if runs is None and (not events or len(events) != len(truth or [])):
        raise InputError(
            f"{len(events or [])} --events and {len(truth or [])} --truth make no pairs", remedy="name as many of each, in the same order, or --runs DIR"
        )
    if not re.fullmatch(r"(\d+(,\d+)*)?", only):
        raise InputError(f"'{only}' names no vessels", remedy="write --only 563900001,563900002")
    pairs = find_runs(runs) if runs is not None else list(zip(events or [], truth or []))
    report = judge_files(pairs, {int(mmsi) for mmsi in only.split(",") if mmsi})
    print_json(report) if as_json else print_report(report, out)


@app.command()
def decode(
    inputs: Annotated[list[Path], typer.Argument(help="NMEA recordings or position tables; or one capture: its folder or files.")],
    out_file: Annotated[Path, typer.Option("--out", help="File to write; - for stdout (csv, ndjson).")],
    to: Annotated[str, typer.Option(help="csv, ndjson or parquet.")] = "csv",
    lateness: Annotated[str, typer.Option(help="How late a report may come before it is flagged late; default: 120s, or what a capture says.")] = "",
    config: Annotated[Path | None, typer.Option(help="Configuration with [columns] for a table of unknown layout.")] = None,
    exercise: Annotated[bool, typer.Option(help="Mark every row as exercise.")] = False,
    records: Annotated[bool, typer.Option(help="Every message of types 1-28 with all its fields instead of positions; --to ndjson.")] = False,
    applications: Annotated[bool, typer.Option(help="With --records: also what application messages of types 6 and 8 say, as pyais reads them.")] = False,
    damaged: Annotated[bool, typer.Option(help="Forensic: also sentences with a wrong checksum, flagged checksum_bad.")] = False,
    as_json: Json = False,
) -> None:
    """Columns from bytes; missing values are empty. Example: dogwatch decode recording.nmea --to csv --out fixes.csv"""
    from ingest.reasons import REJECTED
    from runners.decoding import decode_files
    from runners.rules import read_config

    columns = read_config(config).columns if config else {}
    late_s = seconds(lateness) if lateness else None
    wanted = {"whole": records, "applications": applications, "flagged": damaged}
    counts = decode_files(inputs, out_file, to, lateness_s=late_s, exercise=exercise, columns=columns, **wanted)
    for note in counts["input_notes"]:
        err.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        print_json(counts)
        return
    what = "records" if records else "fixes"
    err.print(f"{counts['lines']:,} lines, {counts[what]:,} {what} written", highlight=False)
    for reason, n in counts["rejected"].items():
        said = f"rejected: {n:,} {reason}, the first: {counts['samples'].get(reason, '')}"
        err.print(f"{said} ({REJECTED[reason]})" if reason in REJECTED else said, markup=False, highlight=False, soft_wrap=True)


@zones_app.command("check")
def zones_check(
    files: list[Path],
    repair: Annotated[Path | None, typer.Option(help="Write a repaired copy of the one file here (GeoJSON) and say what was changed.")] = None,
    as_json: Json = False,
) -> None:
    """Validate zones files: GeoJSON, GeoPackage, Shapefile, KML. Exit 0 right, 1 only notes, 2 faults.

    Example: dogwatch zones check examples/zones.geojson
    """
    from zones.check import check, check_lines, repaired
    from zones.load import read_coast

    if repair is not None:
        if len(files) != 1:
            raise InputError("--repair mends one file at a time", remedy="name one file")
        _repair(*repaired(str(files[0])), str(files[0]), repair, as_json)
        return
    report = check([str(path) for path in files], read_coast())
    if as_json:
        print_json(report)
    else:
        for line in check_lines(report):
            (out if report["ok"] else err).print(line, highlight=False, markup=False, soft_wrap=True)
    if not report["ok"]:
        raise typer.Exit(2)
    if any(row["notes"] for row in report["files"]):
        raise typer.Exit(1)


def _repair(text: str, changes: list[str], faults: list[Any], file: str, target: Path, as_json: bool) -> None:
    from runners.ledger import replace_file

    replace_file(target, text.encode("utf-8"))
    left = [fault.text() for fault in faults]
    if as_json:
        print_json({"file": file, "out": str(target), "changes": changes, "faults": left})
    else:
        for line in [*(f"changed: {what}" for what in changes or ["nothing"]), *(f"still wrong: {what}" for what in left)]:
            out.print(line, highlight=False, markup=False, soft_wrap=True)
        err.print(f"{target} written", highlight=False, markup=False)
    if left:
        raise typer.Exit(2)


@zones_app.command("build")
def zones_build(
    inputs: Annotated[list[Path] | None, typer.Argument(help="Recordings (with --learn) or zones of other formats (with --convert).")] = None,
    out_file: Annotated[Path, typer.Option("--out", help="GeoJSON file to write.")] = Path("zones.geojson"),
    ports: Annotated[Path | None, typer.Option(help="Port zones from a table of ports (CSV), such as the World Port Index.")] = None,
    learn: Annotated[bool, typer.Option("--learn", help="Learn anchorages and berths from recordings; they wait for `zones approve`.")] = False,
    state: Annotated[Path | None, typer.Option(help="Learning goes on from this file, and is kept in it.")] = None,
    preset: Annotated[str, typer.Option(help="How to learn: dogwatch, or gfw_anchorage.")] = "dogwatch",
    belts: Annotated[bool, typer.Option("--belts", help="12 and 24 mile belts as areas, approximate; needs --box.")] = False,
    convert: Annotated[bool, typer.Option("--convert", help="Write zones of other formats as GeoJSON.")] = False,
    kind: Annotated[str, typer.Option(help="With --convert: kind of features that name none.")] = "",
    subkind: Annotated[str, typer.Option(help="With --convert: their subkind, such as cable.")] = "",
    owner: Annotated[str, typer.Option(help="With --convert: their owner.")] = "",
    box: Annotated[str, typer.Option(help="WEST,SOUTH,EAST,NORTH in degrees: only what lies inside.")] = "",
    as_json: Json = False,
) -> None:
    """Make a zones file: ports from a table, anchorages from traffic, belts from the coast.

    Example: dogwatch zones build --ports wpi.csv --out ports.geojson
    """
    from runners.zoning import BuildOptions, build_zones

    files = list(inputs or [])
    if bool(files) != (learn or convert) or (learn and convert):
        raise InputError("files need one of --learn and --convert, and these need files", remedy="see dogwatch zones build --help")
    given = {key: value for key, value in (("kind", kind), ("subkind", subkind), ("owner", owner)) if value}
    options = BuildOptions(out_file, ports, files if learn else [], state, preset, files if convert else [], given, belts, _box(box) if box else None)
    made = build_zones(options, lambda text: err.print(text, markup=False, highlight=False))
    if as_json:
        print_json(made)
        return
    for place in made.pop("learned", []):
        out.print(
            f"{place['id']}: {place['name']}, {place['vessels']} vessels, {place['hours']:g} h, {place['ship_types']} types of ships, {place['belt']}"
            + (f"; withheld: {place['withheld']}" if place["withheld"] else ""),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    out.print(", ".join(f"{name} {value}" for name, value in made.items()), markup=False, highlight=False, soft_wrap=True)


def _box(text: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as fault:
        raise InputError(f"'{text}' is no box", remedy="write --box=-2,50,0,51.5: west, south, east, north") from fault
    if not (-90 <= south < north <= 90 and abs(west) <= 180 and abs(east) <= 180 and west != east):
        raise InputError(f"'{text}' is no box", remedy="west and east are -180 to 180, south and north -90 to 90, south first")
    return west, south, east, north


@zones_app.command("approve")
def zones_approve(
    file: Path,
    ids: Annotated[list[str], typer.Argument(help="Ids of the proposals that become masks.")],
    owner: Annotated[str, typer.Option(help="The office that says yes, such as 'Operations room'.")],
) -> None:
    """Say yes to learned zones: from then on they mask. Example: dogwatch zones approve learned.geojson learned-berth-1a2b --owner "Operations room" """
    from runners.zoning import approve

    for zone_id in approve(file, ids, owner):
        out.print(f"{zone_id}: approved for {owner}", markup=False, highlight=False)


@zones_app.command("show")
def zones_show(
    files: Annotated[list[Path] | None, typer.Argument(help="Your own zones, on top of the built-in set.")] = None,
    at: Annotated[tuple[float, float] | None, typer.Option(help="What holds at one place: latitude and longitude in degrees.", metavar="LAT LON")] = None,
    as_json: Json = False,
) -> None:
    """What lines are in force, everywhere or at one place. Example: dogwatch zones show --at -41.3 174.6"""
    from zones.check import at_lines, show, show_at, show_lines
    from zones.geography import Geography
    from zones.load import read_origin, read_zones

    geography = Geography.default([read_zones(path) for path in files or []])
    report = show_at(geography, *at) if at is not None else show(geography, read_origin())
    if as_json:
        print_json(report)
        return
    for line in at_lines(report) if at is not None else show_lines(report):
        out.print(line, highlight=False, markup=False, soft_wrap=True)


@rules_app.command("check")
def rules_check(profiles: list[str]) -> None:
    """Validate rule profiles: every fault of each with file and line. Example: dogwatch rules check border"""
    from runners.rules import read_rules, run_out

    failed = False
    for name in profiles:
        try:
            rules = read_rules(name, [])
        except InputError as fault:
            err.print(str(fault), markup=False, highlight=False, soft_wrap=True)
            failed = True
            continue
        out.print(f"{name}: no fault; content {rules.profile.content_hash}, parameters {rules.params.params_hash}", highlight=False, soft_wrap=True)
        if over := run_out(rules.profile, time.time_ns() // 1_000_000):
            err.print(f"{name}: {over}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2 if failed else 0)


@rules_app.command("explain")
def rules_explain(
    name: Annotated[str, typer.Argument(metavar="ID", help="A profile (name or file), or a rule of one: silent-near-the-border.")],
    profile: Annotated[str, typer.Option(help="The profile in which the rule stands.")] = "border",
) -> None:
    """Say in plain words what a profile or one of its rules does. Example: dogwatch rules explain silent-near-the-border"""
    from runners.rules import explained

    for line in explained(name, profile):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


@rules_app.command("schema")
def rules_schema() -> None:
    """Print the JSON Schema of a profile, for editors. Example: dogwatch rules schema"""
    from runners.rules import profile_schema

    print_json(profile_schema())


@app.command()
def backtest(
    inputs: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Recordings, as replay reads them.")],
    rules: Annotated[str, typer.Option(help="The profile that is asked about: name or file.")],
    report: Annotated[Path, typer.Option("--out", help="The report: one HTML file.")],
    against: Annotated[str, typer.Option(help="The profile of today, to compare with.")] = "",
    labels: Annotated[Path | None, typer.Option(help="What is known: verdicts, or a simulator's truth.ndjson.")] = None,
    gate: Annotated[list[str] | None, typer.Option(help="A condition such as 'new_alerts<=5'; may be repeated. One that is not kept: exit code 1.")] = None,
    sweep: Annotated[list[str] | None, typer.Option(help="Values of a detector's threshold to try, from:to:how many; may be repeated.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="All figures as JSON.")] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="The gates as JUnit XML.")] = None,
    zones: Annotated[list[str] | None, typer.Option(help="Zones file; may be repeated.")] = None,
    watchlist: Annotated[list[str] | None, typer.Option(help="List of vessels, FILE or NAME=FILE; may be repeated.")] = None,
    normality: Annotated[str, typer.Option(help="Model of normal traffic, made by dogwatch learn; of both sides.")] = "",
    coverage: Annotated[Path | None, typer.Option(help="Coverage state learned by an earlier run.")] = None,
    lateness: Annotated[str, typer.Option(help="How late a report may come and still count, e.g. 5s.")] = "",
    lane: Annotated[list[str] | None, typer.Option(help="satellite: recorded from space; for one of several inputs NAME=satellite.")] = None,
) -> None:
    """What rules would have told on recorded data. Example: dogwatch backtest sea.nmea --rules mine.toml --against border --out report.html

    What other thresholds would have told: --sweep loitering.duration_s_min.border=1800:7200:4
    """
    from runners.backtest import Asked, gate_of, read_labels, told
    from runners.backtest import backtest as run_backtest
    from runners.backtest_page import write_report
    from runners.backtest_sweep import sweeps_of
    from runners.inputs import satellites_of
    from runners.listing import spec_of
    from runners.rules import read_coverage, read_rules
    from runners.terminal import ReplayProgress

    files = [path for path in (report, json_file, junit_file) if path is not None]
    if missing := [path for path in files if not path.absolute().parent.is_dir()]:
        raise InputError(f"cannot write {missing[0]}: there is no folder {missing[0].parent}", remedy="make it first, or name another")
    gates = [gate_of(text) for text in gate or []]
    specs = [spec_of(text) for text in watchlist or []]
    one, *other = (read_rules(name, zones or [], specs, normality) for name in (rules, against) if name)
    asked = Asked(inputs, one, other[0] if other else None, gates=gates)
    asked.labels = read_labels(labels) if labels else []
    asked.coverage = read_coverage(coverage) if coverage else None
    asked.sweeps = sweeps_of(sweep or [], one.params)
    asked.lateness_s, asked.satellites = seconds(lateness) if lateness else None, satellites_of(lane or [], inputs)
    with ReplayProgress(err) as progress:
        result, whole = run_backtest(asked, progress.show)
    write_report(result, whole, report, json_file, junit_file, one.geography.coast.edges)
    for line in told(result, report):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if result.passed else 1)


@app.command()
def labels(
    data_dir: Annotated[Path, typer.Argument(help="Folder of a run: its alerts.ndjson, and decisions.sqlite unless --decisions names another place.")],
    out_file: Annotated[Path, typer.Option("--out", help="Labels, as backtest --labels reads them.")],
    decisions: Annotated[str, typer.Option(help="File or postgresql:// address of the decisions.")] = "",
) -> None:
    """Turn what operators found into labels for a back-test. Example: dogwatch labels dogwatch-data --out labels.ndjson"""
    from runners.labels import labels_of
    from runners.ledger import replace_file

    where = decisions if decisions.startswith("postgresql://") else Path(decisions or data_dir / "decisions.sqlite")
    if not out_file.absolute().parent.is_dir():
        raise InputError(f"cannot write {out_file}: there is no folder {out_file.parent}", remedy="make it first, or name another")
    rows = labels_of(data_dir / "alerts.ndjson", where)
    replace_file(out_file, b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    right = sum(row["verdict"] == "right" for row in rows)
    out.print(f"{len(rows)} labels, {right} right and {len(rows) - right} wrong: {out_file}", highlight=False, soft_wrap=True, markup=False)


Encoding = Annotated[str, typer.Option(help="utf-8, utf-16, latin-1 or cp1252.")]
ListKind = Annotated[str, typer.Option(help="opensanctions, ofac, ftm or csv; auto: by the first line.")]


@watchlists_app.command("check")
def watchlists_check(
    files: Annotated[list[str], typer.Argument(help="Lists: FILE or NAME=FILE.")],
    kind: ListKind = "auto",
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """What lists of vessels hold, and what of them cannot be used. Exit 0 all used, 1 something refused, 2 no list.

    Example: dogwatch watchlists check examples/watchlist.csv
    """
    from runners.listing import HARMLESS, described, read_lists, spec_of
    from runners.screening import print_check

    lists = read_lists(spec_of(text, encoding, kind) for text in files)
    print_json({"watchlists": described(lists)}) if as_json else print_check(lists, out)
    if any(reason not in HARMLESS for one in lists.lists for reason in one.reading.rejected):
        raise typer.Exit(1)


@watchlists_app.command("screen")
def watchlists_screen(
    files: Annotated[list[str], typer.Argument(help="Lists: FILE or NAME=FILE.")],
    vessels: Annotated[Path | None, typer.Option(help="Table of vessels (CSV): mmsi, imo, callsign, name, length_m.")] = None,
    recording: Annotated[list[Path] | None, typer.Option(help="Recording whose vessels are screened; may be repeated.")] = None,
    at: Annotated[str, typer.Option(help="Entries that hold at this time (UTC), such as 2026-11-20; default: now.")] = "",
    kind: ListKind = "auto",
    encoding: Encoding = "utf-8",
    limit: Annotated[int, typer.Option(min=1, help="Show no more hits than this.")] = 50,
    gate: Annotated[bool, typer.Option(help="Exit 1 if a hit is more than a name.")] = False,
    as_json: Json = False,
) -> None:
    """Vessels against lists, the surest hits first. Example: dogwatch watchlists screen examples/watchlist.csv --vessels examples/vessels.csv"""
    import time

    from runners.listing import described, moment, read_lists, spec_of
    from runners.screening import print_hits, screen, vessels_of_recordings, vessels_of_table

    if (vessels is None) == (not recording):
        raise InputError("vessels come from --vessels or from --recording", remedy="name one of the two")
    t_ms = moment(at, time.time_ns() // 1_000_000)
    lists = read_lists(spec_of(text, encoding, kind) for text in files)
    told = vessels_of_table(vessels, "utf-8") if vessels is not None else vessels_of_recordings(recording or [])
    rows = screen(lists, told, t_ms)
    if as_json:
        print_json({"vessels": len(told), "watchlists": described(lists), "hits": rows})
    else:
        print_hits(rows, len(told), lists, out, limit)
    if gate and any(one["tier"] != "name_only" for one in rows):
        raise typer.Exit(1)


@kafka_app.command("init")
def kafka_init(config: ConfigFile) -> None:
    """Create the topics with the right settings; running it twice changes nothing. Example: dogwatch kafka init --config examples/kafka.toml"""
    from runners.kafka_stage import init_topics
    from runners.rules import read_config

    for line in init_topics(read_config(config)):
        out.print(line, highlight=False)


def _stage(name: str, config_file: Path, until_end: bool, **more: bool) -> None:
    from runners import kafka_stage
    from runners.rules import read_config

    config = read_config(config_file)
    if config.kafka is None:
        raise InputError(f"{config_file} has no [kafka] table", remedy="add one (examples/kafka.toml), or use 'dogwatch run'")
    stop = stop_on_signals()
    stages: dict[str, Any] = {"track": kafka_stage.run_track, "score": kafka_stage.run_score, "console": kafka_stage.run_console}
    stages[name](config, stop=stop, until_end=until_end, **more)


UntilEnd = Annotated[bool, typer.Option(help="Exit when a finite input has passed through.")]
Anew = Annotated[bool, typer.Option("--anew", help="Where the state was made with other rules or zones, begin anew instead of refusing it.")]


@app.command()
def ingest(
    config_file: Annotated[Path | None, typer.Argument(metavar="[CONFIG.toml]", help="Configuration file; the same as --config.")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="Configuration file (TOML).")] = None,
    source: Annotated[list[str] | None, typer.Option(help="A source without a configuration: tcp://host:port, udp://host:port, a file, - ...")] = None,
    capture: CaptureDir = "",
    until_end: UntilEnd = False,
) -> None:
    """Sources -> ais.* of Kafka, or with --capture to disk, or both. Example: dogwatch ingest --source tcp://127.0.0.1:10110 --capture captured/"""
    from dogwatch.config import Config
    from runners.inputs import source_of
    from runners.rules import read_config

    if config and config_file:
        raise InputError(f"two configurations: {config_file} and {config}", remedy="name one")
    known = read_config(path) if (path := config or config_file) else Config()
    known.sources += [source_of(text) for text in source or []]
    known.capture.dir = capture or known.capture.dir
    stop = stop_on_signals()
    if known.kafka is not None:
        from runners.kafka_stage import run_ingest

        run_ingest(known, stop=stop, until_end=until_end)
    elif known.capture.dir:
        from runners.tape import run_capture

        err.print(run_capture(known, stop, until_end=until_end), markup=False, highlight=False, soft_wrap=True)
        if stop.is_set():
            raise typer.Exit(130)
    else:
        raise InputError("nowhere to put what is heard", remedy="give --capture FOLDER, or a [kafka] table (examples/kafka.toml); or use 'dogwatch run'")


@app.command()
def track(config: ConfigFile, until_end: UntilEnd = False, anew: Anew = False) -> None:
    """One stage against Kafka: ais.* -> risk.events. Example: dogwatch track --config examples/kafka.toml"""
    _stage("track", config, until_end, anew=anew)


@app.command()
def score(config: ConfigFile, until_end: UntilEnd = False, anew: Anew = False) -> None:
    """One stage against Kafka: risk.events -> risk.alerts. Example: dogwatch score --config examples/kafka.toml"""
    _stage("score", config, until_end, anew=anew)


@app.command()
def console(config: ConfigFile, until_end: UntilEnd = False) -> None:
    """One stage against Kafka: alerts and fixes -> the page. Example: dogwatch console --config examples/kafka.toml"""
    _stage("console", config, until_end)


@app.command()
def drift(
    lat: float,
    lon: float,
    kind: Annotated[str, typer.Option("--class", help="PIW-1, REFUGEE-RAFT-1, LIFE-RAFT-NB-1 or SKIFF-1.")] = "PIW-1",
    hours: float = 6.0,
    wind_ms: Annotated[str, typer.Option(help="Wind at 10 m, m/s; none entered = a bound instead of a forecast.")] = "",
    wind_from: Annotated[str, typer.Option(help="Degrees true the wind comes from.")] = "",
    current_ms: str = "",
    current_to: Annotated[str, typer.Option(help="Degrees true the current goes toward.")] = "",
    error_m: Annotated[float, typer.Option(help="Standard error of the datum.")] = 500.0,
    seed: int = 1,
) -> None:
    """Where something in distress drifts, as GeoJSON. Example: dogwatch drift --wind-ms 5 --wind-from 270 --current-ms 0.2 --current-to 90 -- 34.5 18.0"""
    from console.rescue import drift_answer
    from zones.geography import Geography

    words = {"wind_ms": wind_ms, "wind_from": wind_from, "current_ms": current_ms, "current_to": current_to}
    given = {"lat": str(lat), "lon": str(lon), "class": kind, "hours": str(hours), "error_m": str(error_m), "seed": str(seed), **words}
    print_json(drift_answer(given, Geography.default().on_land))


@app.command()
def doctor(
    config: Annotated[Path | None, typer.Option("--config", help="Also check what this configuration names, and listen to its sources.")] = None,
    for_: Annotated[str, typer.Option("--for", help="How long to listen to the sources; 0s = only look.")] = "10s",
    as_json: Json = False,
) -> None:
    """Say what is wrong with this installation and its sources. Example: dogwatch doctor --config examples/tcp.toml --for 10s"""
    from runners.doctor import examine

    findings = examine(config, seconds(for_))
    if as_json:
        print_json([{"name": f.name, "state": f.state, "detail": f.detail, "remedy": f.remedy, "measures": f.measures} for f in findings])
    for finding in () if as_json else findings:
        style = {"OK": "green", "WARN": "yellow", "FAIL": "bold red"}[finding.state]
        text = escape(f"{finding.name}: {finding.detail}" + (f" -> {finding.remedy}" if finding.remedy else ""))
        out.print(f"[{style}]{finding.state:4}[/] {text}", highlight=False, soft_wrap=True)
    if any(finding.state == "FAIL" for finding in findings):
        raise typer.Exit(1)


def _factor(text: str) -> float:
    try:
        value = float(text.removesuffix("x"))
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise InputError(f"'{text}' is not a speed", remedy="write 'max' or a factor such as 60")
    return value
