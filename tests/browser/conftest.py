"""The system's Chromium: skipped with the reason on a desk without one, required in CI."""

import os
import shutil
from pathlib import Path

import pytest

from tests.browser.watched import watched_page

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium():
    found = next((path for path in CHROMIUM if Path(path).exists()), None) or shutil.which("chromium")
    if found is None:
        reason = f"no Chromium on this machine (looked at {', '.join(CHROMIUM)} and PATH)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def watched(chromium):
    with watched_page(chromium) as page:
        yield page
