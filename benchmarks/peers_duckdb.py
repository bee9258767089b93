"""DuckDB as a contender: window functions for segments, gaps, stops and slow runs, a self-join for encounters.

May live here: SQL and its answers. The table stands in DuckDB's own memory before the clock starts, in order of time, and only counts
come back: both in its favour. One thread. What is asked is what our detectors decide, as far as a window can say it:
- gap: two reports of a vessel over two hours apart; jump: over 60 kn and 30 s of slack between two reports;
- stop: reports below 0.5 kn for 30 minutes; slow run: below 2 kn for an hour outside ports, broken by a gap;
- encounter: two slow vessels (their first position in each bucket of 600 or 60 s) within 500 m for 30 minutes, no break over 10 minutes.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import duckdb
import pyarrow as pa

from benchmarks.tracks_worker import columns, mask

SEGMENTS = """
    WITH steps AS (
        SELECT t - lag(t) OVER w AS dt, 111195 * sqrt((lat - lag(lat) OVER w) ** 2 + ((lon - lag(lon) OVER w) * cos(radians(lat))) ** 2) AS moved_m
        FROM fixes WINDOW w AS (PARTITION BY mmsi ORDER BY t)
    )
    SELECT count(*) FILTER (dt > 7200000), count(*) FILTER (moved_m > 30.87 * (dt / 1000.0 + 30)), sum(moved_m) FROM steps
"""
# One window over all rows, then only the rows at which something begins or ends: twice as fast as running sums that number the runs.
TRACK = """
    WITH ported AS (
        SELECT mmsi, t, lat, lon, sog < 0.5 AS stopped, sog < 2.0 AND masked.x IS NULL AS slow
        FROM fixes LEFT JOIN masked ON masked.y = floor(lat * 100)::INT AND masked.x = floor(lon * 100)::INT
    ),
    steps AS (
        SELECT mmsi, t, stopped, slow, lag(t) OVER w AS t0, lag(stopped) OVER w AS stopped0, lag(slow) OVER w AS slow0, lead(t) OVER w IS NULL AS final,
            111195 * sqrt((lat - lag(lat) OVER w) ** 2 + ((lon - lag(lon) OVER w) * cos(radians(lat))) ** 2) AS moved_m
        FROM ported WINDOW w AS (PARTITION BY mmsi ORDER BY t)
    ),
    edges AS MATERIALIZED (
        SELECT * FROM (
            SELECT mmsi, t, t0, stopped, slow, final, t - t0 > 7200000 AS gap, moved_m > 30.87 * ((t - t0) / 1000.0 + 30) AS jump,
                (stopped OR stopped0) AND (stopped IS DISTINCT FROM stopped0 OR gap) AS stop_edge,
                (slow OR slow0) AND (slow IS DISTINCT FROM slow0 OR gap) AS slow_edge
            FROM steps
        ) WHERE gap OR jump OR stop_edge OR slow_edge OR final OR t0 IS NULL
    ),
    stops AS (
        SELECT stopped, t, lead(CASE WHEN final AND NOT stop_edge THEN t ELSE t0 END) OVER (PARTITION BY mmsi ORDER BY t) AS t_end
        FROM edges WHERE stop_edge OR final OR t0 IS NULL
    ),
    slow_runs AS (
        SELECT slow, t, lead(CASE WHEN final AND NOT slow_edge THEN t ELSE t0 END) OVER (PARTITION BY mmsi ORDER BY t) AS t_end
        FROM edges WHERE slow_edge OR final OR t0 IS NULL
    )
    SELECT (SELECT count(*) FROM edges WHERE gap), (SELECT count(*) FROM edges WHERE jump),
        (SELECT count(*) FROM stops WHERE stopped AND t_end - t >= 1800000), (SELECT count(*) FROM slow_runs WHERE slow AND t_end - t >= 3600000)
"""
ENCOUNTERS = """
    WITH slow AS (
        SELECT mmsi, t // {bucket_ms} AS bucket, arg_min(lat, t) AS lat, arg_min(lon, t) AS lon
        FROM fixes {unmasked} WHERE sog < 2.0 GROUP BY ALL
    ),
    placed AS (
        SELECT *, floor(lat / 0.0046)::INT AS y, floor(lon * cos(radians(floor(lat))) / 0.0046)::INT AS x FROM slow
    ),
    near AS (SELECT p.*, y + dy AS cell_y, x + dx AS cell_x FROM placed p, (VALUES (-1), (0), (1)) d(dy), (VALUES (-1), (0), (1)) e(dx)),
    met AS (
        SELECT a.mmsi AS a, b.mmsi AS b, a.bucket
        FROM near a JOIN placed b ON a.bucket = b.bucket AND a.cell_y = b.y AND a.cell_x = b.x AND a.mmsi < b.mmsi
        WHERE 111195 * sqrt((a.lat - b.lat) ** 2 + ((a.lon - b.lon) * cos(radians(a.lat))) ** 2) <= 500
    ),
    steps AS (
        SELECT a, b, bucket, lag(bucket) OVER w IS NULL OR bucket - lag(bucket) OVER w > {break_buckets} AS new
        FROM met WINDOW w AS (PARTITION BY a, b ORDER BY bucket)
    ),
    runs AS (SELECT a, b, bucket, sum(new::INT) OVER (PARTITION BY a, b ORDER BY bucket) AS run FROM steps)
    SELECT count(DISTINCT (a, b)), (SELECT count(*) FROM met) FROM (SELECT a, b FROM runs GROUP BY a, b, run HAVING max(bucket) - min(bucket) >= {buckets})
"""
UNMASKED = "ANTI JOIN masked ON masked.y = floor(lat * 100)::INT AND masked.x = floor(lon * 100)::INT"


def versions() -> dict[str, str]:
    """What is measured."""
    return {"duckdb": version("duckdb")}


def prepare(folder: str) -> Any:
    """A connection with the tables `fixes` and `masked`."""
    connection = duckdb.connect(config={"threads": 1})
    arrow = pa.table(columns(folder))  # noqa: F841 - DuckDB finds it by its name
    connection.execute("CREATE TABLE fixes AS SELECT * FROM arrow")
    cells = mask(folder)
    ports = pa.table({"y": cells[:, 0], "x": cells[:, 1]})  # noqa: F841
    connection.execute("CREATE TABLE masked AS SELECT y::INT AS y, x::INT AS x FROM ports")
    return connection


def segments(connection: Any) -> dict[str, int]:
    """Steps between reports, gaps and jumps: the least."""
    gaps, jumps, _ = connection.execute(SEGMENTS).fetchone()
    return {"gaps": gaps, "jumps": jumps}


def track(connection: Any) -> dict[str, int]:
    """Segments, gaps, stops and slow runs."""
    return dict(zip(("gaps", "jumps", "stops", "slow_runs"), connection.execute(TRACK).fetchone()))


def encounters(connection: Any, bucket_s: int, *, masked: bool) -> dict[str, int]:
    """Pairs together for 30 minutes, and contacts of all pairs."""
    query = ENCOUNTERS.format(bucket_ms=bucket_s * 1000, break_buckets=600 // bucket_s, buckets=1800 // bucket_s, unmasked=UNMASKED if masked else "")
    pairs, contacts = connection.execute(query).fetchone()
    return {"pairs": pairs, "contacts": contacts}


WAYS = {
    "segments": segments,
    "track": track,
    "rendezvous masked, 600 s": lambda connection: encounters(connection, 600, masked=True),
    "rendezvous masked, 60 s": lambda connection: encounters(connection, 60, masked=True),
    "rendezvous unmasked, 600 s": lambda connection: encounters(connection, 600, masked=False),
    "rendezvous unmasked, 60 s": lambda connection: encounters(connection, 60, masked=False),
}
