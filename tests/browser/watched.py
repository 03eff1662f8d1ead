"""A page that is watched: whatever asks another host than this one, or fails on the page, fails the test."""

from contextlib import contextmanager
from pathlib import Path

INSIDE = (
    "file:",
    "data:",
    "blob:",
    "about:",
    "http://127.0.0.1",
    "http://localhost",
    "ws://127.0.0.1",
    "ws://localhost",
)
SCREENSHOTS = Path(__file__).parent / "screenshots"


class Watched:
    """A page, with what it asked other hosts for and what went wrong on it."""

    def __init__(self, page):
        self.page = page
        self.outside = []
        self.problems = []
        page.context.route("**/*", self._guard)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: self.problems.append(line.text) if line.type == "error" else None)

    def _guard(self, route):
        if route.request.url.startswith(INSIDE):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def open_report(self, path):
        self.page.goto(path.resolve().as_uri())
        self.page.wait_for_function("() => document.documentElement.dataset.plots")

    def screenshot(self, name):
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@contextmanager
def watched_page(chromium, width=1280, height=900):
    """Open a page in its own context, and look at the end whether it stayed inside and without errors."""
    context = chromium.new_context(viewport={"width": width, "height": height})
    watched = Watched(context.new_page())
    yield watched
    context.close()
    assert watched.outside == [], watched.outside
    assert watched.problems == [], watched.problems
