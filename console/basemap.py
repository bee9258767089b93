"""What lies under the vessels: depths, land, borders, names, and where the receivers hear. May live here: which files of the basemap there are, their routes.

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
from dogwatch.errors import InputError

SHEETS = ("land", "borders", "names")
PMTILES = b"PMTiles\x03"  # the first bytes of an archive of version 3


class Chart:
    """The sheets of the basemap that this installation has. `land` is the file of the first; the others lie beside it. `depths`: an archive of tiles."""

    def __init__(self, land: Path | None, coverage: Callable[[], bytes] | None = None, depths: Path | None = None) -> None:
        beside = {name: land.parent / f"{name}.geojson" for name in SHEETS if land is not None}
        self.files = {name: path for name, path in beside.items() if path.is_file()}
        self.coverage = coverage
        self.depths = depths

    def parts(self) -> dict[str, bool]:
        """What the page may ask for, for api/info."""
        return {**{name: name in self.files for name in SHEETS}, "coverage": self.coverage is not None, "depths": self.depths is not None}


def depths_file(name: str) -> Path | None:
    """The archive of depths that a configuration names; None of ''. Raises InputError for what is no PMTiles archive."""
    if not name:
        return None
    path = Path(name)
    try:
        with path.open("rb") as file:
            begins = file.read(len(PMTILES))
    except OSError as fault:
        raise InputError(f"cannot read depths {path}: {fault.strerror}", remedy="correct [console] depths, or leave it out") from fault
    if begins != PMTILES:
        raise InputError(f"{path} is no PMTiles archive of version 3", remedy="make one (`pmtiles convert`), or leave [console] depths out")
    return path


def map_routes(chart: Chart) -> list[Route]:
    """Routes of the sheets and of the coverage."""

    async def sheet(request: Request) -> Response:
        """GET basemap/{sheet}.geojson"""
        path = chart.files.get(request.path_params["sheet"])
        if path is None:
            return problem(404, "no such basemap on this installation", "make install builds it")
        return FileResponse(path, media_type="application/geo+json")

    async def depths(request: Request) -> Response:
        """GET basemap/depths.pmtiles, in ranges."""
        if chart.depths is None:
            return problem(404, "this console has no depths", "name a PMTiles file: [console] depths")
        return FileResponse(chart.depths, media_type="application/vnd.pmtiles")

    async def coverage(request: Request) -> Response:
        """GET coverage.geojson: a square for each cell, with receiver, class, blocks heard and missed."""
        if chart.coverage is None:
            return problem(404, "this console does not know what is heard where", "it does where it runs beside the detectors")
        return Response(await run_in_threadpool(chart.coverage), media_type="application/geo+json", headers={"cache-control": "no-store"})

    return [Route("/basemap/{sheet}.geojson", sheet), Route("/basemap/depths.pmtiles", depths), Route("/coverage.geojson", coverage)]
