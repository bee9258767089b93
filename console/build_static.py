"""Puts the third-party browser libraries where the page finds them: node_modules -> console/static/vendor (git-ignored).

May live here: which files of which package, and their licences. May not: downloads (npm has done that, by the lock file),
bundling, changes to what is copied. Run by `make install`: python -m console.build_static [--root FOLDER].

Without libraries the console works as a list, so a missing package is a message and exit code 1, not a crash.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILES = {  # package file in node_modules -> name in vendor
    "maplibre-gl/dist/maplibre-gl.mjs": "maplibre-gl.mjs",
    "maplibre-gl/dist/maplibre-gl-worker.mjs": "maplibre-gl-worker.mjs",
    "maplibre-gl/dist/maplibre-gl.css": "maplibre-gl.css",
    "pmtiles/dist/pmtiles.js": "pmtiles.js",
    "htm/preact/standalone.module.js": "htm-preact.mjs",
    "htm/dist/htm.module.js": "htm.mjs",
}
SHIPPED = ("maplibre-gl", "pmtiles", "htm", "preact")  # whose code, with all that it depends on, is in the files above; htm has an (older) Preact inside


BSD_3 = """Redistribution and use in source and binary forms, with or without modification, are permitted provided that the following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following disclaimer.
2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following disclaimer in the
   documentation and/or other materials provided with the distribution.
3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote products derived from this
   software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO,
THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR
CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO,
PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF
LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE,
EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
"""
TEXTS = {"pmtiles": f"Copyright 2021 Protomaps LLC\n\n{BSD_3}"}  # of packages that carry no licence file of their own


def build(root: Path = ROOT) -> list[Path]:
    """Copy the libraries and write LICENCES.txt; the files written. Raises FileNotFoundError naming what npm has not installed."""
    modules, vendor = root / "node_modules", root / "console" / "static" / "vendor"
    for source in FILES:
        if not (modules / source).is_file():
            raise FileNotFoundError(modules / source)
    shutil.rmtree(vendor, ignore_errors=True)
    vendor.mkdir(parents=True)
    written = [Path(shutil.copyfile(modules / source, vendor / name)) for source, name in FILES.items()]
    licences = vendor / "LICENCES.txt"
    licences.write_text(licence_texts(root), encoding="utf-8")
    return [*written, licences]


def licence_texts(root: Path) -> str:
    """Name, version, licence and licence text of every package that is in the shipped files, by the lock file."""
    locked = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    wanted, parts = list(SHIPPED), []
    for name in wanted:  # grows while it is walked: dependencies of dependencies
        entry = locked[f"node_modules/{name}"]
        wanted += [n for n in sorted(entry.get("dependencies", {})) if n not in wanted and not n.startswith("@types/")]
        folder = root / "node_modules" / name
        texts = [p.read_text(encoding="utf-8", errors="replace") for p in sorted(folder.iterdir()) if p.name.lower().startswith(("licen", "copying"))]
        texts = texts or [TEXTS.get(name, "")]
        parts.append("\n".join([f"{name} {entry['version']} ({entry.get('license', 'see below')})", "=" * 60, *texts, ""]))
    return "\n".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit code 0 done, 1 libraries are missing."""
    parser = argparse.ArgumentParser(prog="python -m console.build_static", description="Copy the browser libraries into console/static/vendor.")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder with node_modules and package-lock.json")
    root = parser.parse_args(arguments).root
    try:
        written = build(root)
    except FileNotFoundError as missing:
        sys.stderr.write(f"{missing} is missing: run `npm ci` in {root} first. Until then the console works as a list, without a map.\n")
        return 1
    sys.stderr.write(f"console: {len(written)} files in {written[0].parent}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
