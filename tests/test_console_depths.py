"""Depths under the map: an archive of the operator's own, served in ranges by the console alone, drawn below land; what is none stops the start."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from console.app import STATIC, create_app
from console.basemap import depths_file
from console.board import Board
from console.decisions import Decisions
from console.picture import Picture
from console.server import Server
from dogwatch.errors import InputError
from tests.console_page import Browser, clean, in_browser

TILE = (40, 90, 160)  # the colour of the only tile
PICTURE = 2  # PNG, as the header of an archive says it


def png(colour: tuple[int, int, int], size: int = 256) -> bytes:
    """One colour all over."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes(colour) * size) * size
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def archive(path: Path) -> Path:
    """A PMTiles archive of version 3 with one tile for the whole world, by the published layout."""
    tile, about = png(TILE), json.dumps({"name": "depths"}).encode()
    length = bytes([len(tile) & 127 | 128, len(tile) >> 7]) if len(tile) > 127 else bytes([len(tile)])
    root = bytes([1, 0, 1]) + length + bytes([1])  # one entry: tile 0, once, its length, at the beginning
    at = 127
    places = [at, len(root), at + len(root), len(about), at + len(root) + len(about), 0, at + len(root) + len(about), len(tile), 1, 1, 1]
    box = struct.pack("<iiii", -1_800_000_000, -850_000_000, 1_800_000_000, 850_000_000)
    header = b"PMTiles\x03" + struct.pack("<11Q", *places) + bytes([1, 1, 1, PICTURE, 0, 0]) + box + struct.pack("<Bii", 0, 0, 0)
    assert len(header) == at
    path.write_bytes(header + root + about + tile)
    return path


def test_only_an_archive_is_taken_and_it_is_served_in_ranges(tmp_path: Path) -> None:
    assert depths_file("") is None
    path = archive(tmp_path / "depths.pmtiles")
    assert depths_file(str(path)) == path
    (tmp_path / "other.pmtiles").write_bytes(b"PMTiles\x02 and more")
    for name, words in (("other.pmtiles", "no PMTiles archive"), ("absent.pmtiles", "cannot read")):
        with pytest.raises(InputError, match=words):
            depths_file(str(tmp_path / name))
    with TestClient(create_app(Board(), Picture(), Decisions(), depths=path)) as client:
        assert client.get("/api/v1/info").json()["depths"] is True
        part = client.get("/basemap/depths.pmtiles", headers={"Range": "bytes=0-6"})
        assert (part.status_code, part.content) == (206, b"PMTiles")
    with TestClient(create_app(Board(), Picture(), Decisions())) as client:
        assert client.get("/api/v1/info").json()["depths"] is False
        assert client.get("/basemap/depths.pmtiles").status_code == 404


@in_browser[0]
@in_browser[1]
@pytest.mark.skipif(not (STATIC / "vendor" / "pmtiles.js").is_file(), reason="console/static/vendor/pmtiles.js is absent: make install")
def test_the_map_draws_them_under_the_vessels_and_dims_them_at_night(browser: Browser, tmp_path: Path) -> None:
    app = create_app(Board(), Picture(), Decisions(), depths=archive(tmp_path / "depths.pmtiles"), info={"map_center": [0, 0], "map_zoom": 3})
    server = Server(app)
    browser("open", url=server.start(port=0) + "?keep-pixels")
    browser.until("window.dogwatch?.state?.map === 'ready' && dogwatch.sea.map.getLayer('depths') && dogwatch.sea.map.isSourceLoaded('depths')")
    pixel = """(() => { const c = document.querySelector('.map canvas'), gl = c.getContext('webgl2'), px = new Uint8Array(4);
        gl.readPixels(c.width / 2 + 5, c.height / 2 + 5, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, px); return [...px.slice(0, 3)].join(); })()"""
    browser.until(f"{pixel} === '{','.join(map(str, TILE))}'")
    order = browser("evaluate", js="dogwatch.sea.map.getLayersOrder()")
    assert order.index("sea") < order.index("depths") < order.index("grid10") < order.index("vessels")
    for _ in range(2):
        browser("press", key="t")
    browser.until(f"Number({pixel}.split(',')[2]) < 40")  # 15 % of the light
    clean(browser)
    browser("close")
    server.stop()
