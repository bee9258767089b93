"""What lies under the vessels: land, borders, names, and where the receivers hear. May live here: which files of the basemap there are, their routes.

May not: making them (zones/build.py), learning coverage, drawing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from console.answers import problem

SHEETS = ("land", "borders", "names")


class Chart:
    """The sheets of the basemap that this installation has. `land` is the file of the first; the others lie beside it."""

    def __init__(self, land: Path | None, coverage: Callable[[], bytes] | None = None) -> None:
        beside = {name: land.parent / f"{name}.geojson" for name in SHEETS if land is not None}
        self.files = {name: path for name, path in beside.items() if path.is_file()}
        self.coverage = coverage

    def parts(self) -> dict[str, bool]:
        """What the page may ask for, for api/info."""
        return {**{name: name in self.files for name in SHEETS}, "coverage": self.coverage is not None}


def map_routes(chart: Chart) -> list[Route]:
    """Routes of the sheets and of the coverage."""

    async def sheet(request: Request) -> Response:
        """GET basemap/{sheet}.geojson"""
        path = chart.files.get(request.path_params["sheet"])
        if path is None:
            return problem(404, "no such basemap on this installation", "make install builds it")
        return FileResponse(path, media_type="application/geo+json")

    async def coverage(request: Request) -> Response:
        """GET coverage.geojson: a square for each cell, with receiver, class, blocks heard and missed."""
        if chart.coverage is None:
            return problem(404, "this console does not know what is heard where", "it does where it runs beside the detectors")
        return Response(await run_in_threadpool(chart.coverage), media_type="application/geo+json", headers={"cache-control": "no-store"})

    return [Route("/basemap/{sheet}.geojson", sheet), Route("/coverage.geojson", coverage)]
