"""PDF: a report printed by a Chromium that is installed; nothing is downloaded, no host is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sptrader.errors import RunError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_ELSEWHERE = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",)
_PATIENCE_S = 120.0


def find_browser() -> str | None:
    """Return the path of a Chromium or one of its relatives; None where there is none."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or next((path for path in _ELSEWHERE if Path(path).exists()), None)


def save_pdf(page: str | Path, out: str | Path | None = None) -> Path:
    """Print the report at `page` to `out` (by default the same name with `.pdf`) and return its path.

    Charts are drawn first, and long tables are printed whole. Raises `RunError` where no browser is installed, and
    (`is_failure`) when it prints nothing.
    """
    source = Path(page).resolve()
    target = (Path(out) if out is not None else source.with_suffix(".pdf")).resolve()
    browser = find_browser()
    if browser is None:
        raise RunError(
            f"a PDF is printed by Chromium or Chrome, and none was found (looked for {', '.join(BROWSERS)} on PATH). "
            f"The HTML report {source} is complete; its print command makes the same PDF.",
            key="pdf",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sptrader-pdf-") as profile:
        draft = Path(profile) / "report.pdf"
        command = [
            browser,
            "--headless",
            *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            f"--user-data-dir={profile}/profile",
            "--virtual-time-budget=20000",
            "--no-pdf-header-footer",
            f"--print-to-pdf={draft}",
            source.as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RunError(f"{browser} did not print {source}: {error}.", path=source, is_failure=True) from error
        if not draft.is_file() or not draft.read_bytes().startswith(b"%PDF"):
            told = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise RunError(f"{browser} did not print {source}: {told}", path=source, is_failure=True)
        shutil.copyfile(draft, target)
    return target
