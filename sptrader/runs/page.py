"""The page: one self-contained HTML file, charts included, that never asks a host for anything."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from importlib.resources import files
from typing import Any

from sptrader.plots.display import STAY_HERE
from sptrader.plots.parts import STYLE

BESIDE = "beside"
INLINE = "inline"
SCRIPT_PLACES = (INLINE, BESIDE)
DEFAULT_HEIGHT = 450

# The browser itself refuses every request: also what a notebook's own HTML might ask for.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob: {beside}; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; connect-src 'none'; form-action 'none'; base-uri 'none'"
)
_HEADING = re.compile(r'<h2[^>]*\bid="([^"]+)"[^>]*>(.*?)</h2>', re.DOTALL)
_TAGS = re.compile(r'<a class="anchor-link".*?</a>|<[^>]+>', re.DOTALL)


@dataclass(frozen=True)
class Script:
    """The vendored Plotly script: its `name` as a file beside pages, the `text`, and the `packed` bytes (gzip)."""

    name: str
    text: str
    packed: bytes


@lru_cache(maxsize=1)
def plotly_script() -> Script:
    """Return the script every page draws its figures with; `scripts/vendor_plotly.py` builds it."""
    packed = files("sptrader.plots").joinpath("vendor/plotly.min.js.gz").read_bytes()
    digest = hashlib.sha256(packed).hexdigest()[:10]
    return Script(f"plotly-{digest}.js", gzip.decompress(packed).decode("utf-8"), packed)


@dataclass(frozen=True)
class TablesScript:
    """What makes long tables sort and page: DataTables as itables brings it, code and style, gzipped and in base64."""

    code: str
    style: str


@lru_cache(maxsize=1)
def tables_script() -> TablesScript:
    """Return the code of long tables."""
    packed = (files("itables").joinpath(f"html/dt_bundle.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
    return TablesScript(*map(_packed, packed))


@lru_cache(maxsize=1)
def shared_script() -> tuple[str, str]:
    """Return the one file that pages of a folder share: its name, which tells its content, and its text."""
    tables = tables_script()
    text = f"{plotly_script().text}\n;window.spTables={json.dumps({'code': tables.code, 'style': tables.style})};\n"
    return f"report-{hashlib.sha256(text.encode()).hexdigest()[:10]}.js", text


def page(title: str, body: str, *, script: str = INLINE, footer: str = "", theme: str = "light") -> str:
    """Return the HTML of a page: `body` between a navigation bar made of its second-level headings and a footer.

    With `script="beside"` the page refers to the file `shared_script()` names in its own folder, which many pages share.
    """
    has_plots, has_tables = "data-plot=" in body, 'class="sp-long"' in body
    beside = shared_script()[0] if (has_plots or has_tables) and script == BESIDE else ""
    policy = POLICY.format(beside="file: 'self'" if beside else "").replace(" ;", ";")
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en" data-theme="{escape(theme)}"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">',
        f"<title>{escape(title)}</title>",
        f"<style>{_asset('report.css')}</style>{STYLE}",
        "</head><body>",
        _navigation(body),
        f"<main>{body.replace(STYLE, '')}",
        f"<footer>{escape(footer)}</footer></main>" if footer else "</main>",
    ]
    if beside:
        parts.append(f'<script src="{beside}"></script>')
    elif has_plots:
        parts.append(f'<script type="text/plain" id="sp-plotly">{_base64(plotly_script().packed)}</script>')
    if has_tables and not beside:
        tables = tables_script()
        parts.append(f'<script type="text/plain" id="sp-tables">{tables.code}</script>')
        parts.append(f'<script type="text/plain" id="sp-tables-style">{tables.style}</script>')
    if has_plots or has_tables:
        parts.append(f"<script>{_asset('boot.js')}</script>")
    parts.append("</body></html>\n")
    return "\n".join(part for part in parts if part)


def plot_part(number: int, figure: Mapping[str, Any], *, label: str = "chart") -> str:
    """Return the place of the `number`th figure of a page, and the figure's JSON beside it, gzipped to a third."""
    layout = figure.get("layout", {})
    height = layout.get("height") or DEFAULT_HEIGHT
    wanted = {name: figure[name] for name in ("data", "layout", "config") if name in figure}
    wanted["config"] = {"responsive": True, "displaylogo": False, **wanted.get("config", {}), **STAY_HERE}
    name = f"plot-{number}"
    return (
        f'<div class="sp-plot" id="{name}" style="height:{int(height)}px" role="img" aria-label="{escape(label)}">'
        '<div class="sp-wait">The chart needs JavaScript.</div></div>'
        f'<script type="text/plain" data-plot="{name}">{_packed(json.dumps(wanted, separators=(",", ":")))}</script>'
    )


def embedded_json(value: object) -> str:
    """Return compact JSON that is safe inside a script element: no `<` can end it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def heading_part(title: str, anchor: str) -> str:
    """Return a second-level heading that the navigation leads to."""
    return f'<h2 id="{escape(anchor)}">{escape(title)}</h2>'


def _navigation(body: str) -> str:
    found: Sequence[tuple[str, str]] = _HEADING.findall(body)
    links = "".join(f'<a href="#{anchor}">{_TAGS.sub("", text).strip()}</a>' for anchor, text in found)
    return f"<nav><div>{links}</div></nav>" if len(found) > 1 else ""


def _packed(text: str) -> str:
    return _base64(gzip.compress(text.encode("utf-8"), compresslevel=9, mtime=0))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


@lru_cache(maxsize=4)
def _asset(name: str) -> str:
    return files("sptrader.runs").joinpath(f"assets/{name}").read_text(encoding="utf-8").strip()
