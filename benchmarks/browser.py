"""A headless Chromium on a string, for figures, pictures and tests of the console: the Python end of tests/browser/driver.mjs.

May live here: starting it, giving it commands, waiting with a limit. May not: what a page should show.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from console.app import STATIC

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NODE = shutil.which("node")
ANSWER_S_MAX = 120.0  # of one command; then the browser is killed and the caller gets an error


def missing() -> str:
    """Why no browser can run here, or ''."""
    if CHROMIUM is None:
        return "no Chromium on this machine (Debian: apt-get install chromium)"
    if NODE is None:
        return "no node on this machine"
    if not (ROOT / "node_modules" / "playwright-core").is_dir():
        return f"{ROOT}/node_modules/playwright-core is absent: npm ci"
    if not (STATIC / "vendor" / "maplibre-gl.mjs").is_file():
        return f"{STATIC}/vendor is absent: python -m console.build_static"
    return ""


class Browser:
    """One browser with named pages. Not thread-safe."""

    def __init__(self, *flags: str) -> None:
        """With these flags of Chromium beside those that it always gets."""
        command = [str(NODE), str(ROOT / "tests" / "browser" / "driver.mjs"), str(CHROMIUM), *flags]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, do: str, name: str = "a", **more: Any) -> Any:
        """Give one command of the driver; its value. Raises AssertionError with the browser's words where it fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        limit = threading.Timer(ANSWER_S_MAX, self._process.kill)
        limit.start()
        try:
            self._process.stdin.write(json.dumps({"do": do, "name": name, **more}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            limit.cancel()
        assert line, f"the browser is gone (or gave no answer in {ANSWER_S_MAX:.0f} s): {do}"
        answer = json.loads(line)
        assert answer["ok"], answer.get("fault")
        return answer["value"]

    def until(self, js: str, name: str = "a", *, seconds: float = 60.0) -> Any:
        """Poll an expression until it is truthy (waiting inside the page would need eval, which the policy forbids)."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := self("evaluate", name, js=js):
                return value
            time.sleep(0.1)
        shown = self("evaluate", name, js="document.body.innerText.slice(0, 2000)")
        raise AssertionError(f"never became true in {seconds} s: {js}\npage: {shown}\nreport: {self('report', name)}")

    def quit(self) -> None:
        """Close it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
