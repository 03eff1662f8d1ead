"""Build the Plotly script that reports carry: the trace types sptrader draws, and nothing that is not needed for them.

    python scripts/vendor_plotly.py

needs Node and npm with their registry configured. It installs the packages `plotly.js` (the version the installed
plotly package was made for) and `esbuild` into a temporary folder, bundles the traces below and writes, byte-identical
for the same versions,

    sptrader/plots/vendor/plotly.min.js.gz    the script, gzipped
    sptrader/plots/vendor/LICENSES.txt        the licence of every package inside it
"""

from __future__ import annotations

import gzip
import json
import subprocess
import tempfile
from pathlib import Path

from plotly.offline import get_plotlyjs_version

TRACES = (
    "bar",
    "box",
    "candlestick",
    "heatmap",
    "histogram",
    "ohlc",
    "parcoords",
    "sankey",
)  # scatter is always inside
ESBUILD_VERSION = "0.25.12"
VENDOR = Path(__file__).parents[1] / "sptrader" / "plots" / "vendor"
OPTIONS = (
    "--bundle",
    "--minify",
    "--format=iife",
    "--global-name=Plotly",
    "--platform=browser",
    "--target=es2020",
    "--charset=utf8",
    "--legal-comments=none",  # every licence is in LICENSES.txt
    "--define:global=window",
    "--define:define.amd=false",
    "--alias:regl=@plotly/regl",
    "--alias:stream=stream-browserify",
    "--loader:.glsl=text",
    "--loader:.css=text",
)


def main() -> None:
    """Build into a temporary folder, then replace the vendored files."""
    version = get_plotlyjs_version()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        packages = (f"plotly.js@{version}", f"esbuild@{ESBUILD_VERSION}")
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", *packages], cwd=folder, check=True)
        traces = ", ".join(f'require("plotly.js/lib/{trace}")' for trace in TRACES)
        entry = (
            f'const Plotly = require("plotly.js/lib/core");\nPlotly.register([{traces}]);\nmodule.exports = Plotly;\n'
        )
        (folder / "entry.js").write_text(entry, encoding="utf-8")
        command = ["npx", "esbuild", "entry.js", *OPTIONS, "--outfile=plotly.js", "--metafile=meta.json"]
        subprocess.run(command, cwd=folder, check=True)
        script = (folder / "plotly.js").read_bytes()
        packed = gzip.compress(script, compresslevel=9, mtime=0)
        VENDOR.mkdir(parents=True, exist_ok=True)
        (VENDOR / "plotly.min.js.gz").write_bytes(packed)
        (VENDOR / "LICENSES.txt").write_text(_licences(folder, version), encoding="utf-8")
    print(f"plotly.js {version}: {len(script):,} bytes, {len(packed):,} gzipped")


def _licences(folder: Path, version: str) -> str:
    """Return the licence texts of all packages whose code is in the bundle, plotly.js first."""
    outputs = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["outputs"]
    sources = {source for output in outputs.values() for source in output["inputs"] if "node_modules/" in source}
    roots = {_package_root(folder / source) for source in sources}
    parts = [f"plotly.min.js.gz is plotly.js {version} with the traces scatter, {', '.join(TRACES)}.\nIt contains:\n"]
    for root in sorted(roots, key=lambda path: (path.name != "plotly.js", path.as_posix())):
        facts = json.loads((root / "package.json").read_text(encoding="utf-8"))
        texts = sorted(p for p in root.iterdir() if p.is_file() and p.name.lower().startswith(("licen", "copying")))
        licence = facts.get("license") or "see its text"
        text = texts[0].read_text(encoding="utf-8", errors="replace").strip() if texts else f"Licence: {licence}"
        parts.append(f"{'=' * 80}\n{facts['name']} {facts['version']} ({licence})\n\n{text}\n")
    return "\n".join(parts)


def _package_root(source: Path) -> Path:
    """Return the folder of the package `source` belongs to: the nearest one whose package.json has a version."""
    for folder in source.parents:
        manifest = folder / "package.json"
        if manifest.exists() and "version" in json.loads(manifest.read_text(encoding="utf-8")):
            return folder
    raise SystemExit(f"{source} belongs to no package")


if __name__ == "__main__":
    main()
