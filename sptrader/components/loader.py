"""The registry of components: the shipped library, the workspace's own files and TA-Lib, each imported when asked for.

A component's name is its file's name. A file in the workspace's `components/` replaces the shipped one of the same
name. Files are imported under private module names, so that one cannot hide a package of the same name.
"""

from __future__ import annotations

import hashlib
import importlib.util
import keyword
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from sptrader.components.contract import Component, Kind, component_of
from sptrader.components.talib import PREFIX, talib_component, talib_names
from sptrader.components.template import component_source
from sptrader.errors import ComponentError, did_you_mean

WORKSPACE = "SPTRADER_WORKSPACE"
_PACKAGE = Path(__file__).resolve().parents[1]
_MODULE = "sptrader_component_"


@dataclass(frozen=True)
class Entry:
    """A file that holds a component: `origin` is `shipped` or `workspace`, `overrides` the file it replaces, if any."""

    name: str
    path: Path
    origin: str
    overrides: Path | None = None


@dataclass(frozen=True)
class Registry:
    """All components that can be named, by name; the files among them in `entries`."""

    entries: Mapping[str, Entry]

    def names(self) -> tuple[str, ...]:
        """Return all names: those of files first, then TA-Lib's, each sorted."""
        return (*self.entries, *talib_names())

    def get(self, name: str) -> Component:
        """Return the component `name`; raise `ComponentError` when it is unknown, or its file cannot be imported."""
        if name.startswith(PREFIX):
            return talib_component(name)
        entry = self.entries.get(name)
        if entry is None:
            shown = ", ".join(self.entries)
            raise ComponentError(
                f"component '{name}' is not known{did_you_mean(name, self.names()) or '.'} "
                f"Known components: {shown}, and {len(talib_names())} talib.* functions.",
                key=name,
                value=name,
            )
        found = _loaded(entry.path)
        return found if found.overrides == entry.overrides else replace(found, overrides=entry.overrides)

    def __contains__(self, name: object) -> bool:
        return name in self.entries or name in talib_names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def faults(self) -> dict[str, ComponentError]:
        """Import every file and return the errors of those that cannot be used, by name."""
        found = {}
        for name in self.entries:
            try:
                self.get(name)
            except ComponentError as error:
                found[name] = error
        return found


def registry(workspace: Path | str | None = None) -> Registry:
    """Return the components there are now; no file is imported yet.

    `workspace` is the folder that holds `components/`: when not given, `SPTRADER_WORKSPACE` or the current folder.
    """
    shipped = _entries(shipped_folder(), "shipped")
    own_folder = workspace_folder(workspace)
    own = {} if own_folder == shipped_folder() else _entries(own_folder, "workspace")
    merged = dict(shipped)
    for name, entry in own.items():
        merged[name] = replace(entry, overrides=shipped[name].path if name in shipped else None)
    return Registry(dict(sorted(merged.items())))


def shipped_folder() -> Path:
    """Return the folder of the shipped library: inside an installed package, beside it in a source checkout."""
    inside = _PACKAGE / "workspace" / "components"
    return inside if inside.is_dir() else _PACKAGE.parent / "components"


def workspace_folder(workspace: Path | str | None = None) -> Path:
    """Return the workspace's `components` folder, which need not exist."""
    return Path(workspace or os.environ.get(WORKSPACE) or Path.cwd()).expanduser().resolve() / "components"


def load_component(path: Path | str) -> Component:
    """Import the file `path` and return its one component; a changed file is imported anew.

    Raise `ComponentError` naming the file when it cannot be read or imported, or holds none or several components.
    """
    return _loaded(Path(path).expanduser().resolve())


def _loaded(path: Path) -> Component:
    """The component of the file at its true path."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ComponentError(f"{path}: the component's file cannot be read: {error.strerror}.", path=path) from error
    return _load(path, hashlib.sha256(source).hexdigest())


def _entries(folder: Path, origin: str) -> dict[str, Entry]:
    return dict(_made_entries(tuple(_files(os.path.realpath(folder))), origin))


@lru_cache(maxsize=16)
def _made_entries(files: tuple[tuple[str, str], ...], origin: str) -> dict[str, Entry]:
    """The entries of `files`; of the same files the same."""
    found: dict[str, Entry] = {}
    for path, true in sorted((Path(file), Path(true)) for file, true in files):
        if path.stem in found:
            raise ComponentError(
                f"two files hold the component '{path.stem}': {found[path.stem].path} and {path}; rename one.",
                path=path,
                value=path.stem,
            )
        found[path.stem] = Entry(path.stem, true, origin)
    return found


def _files(folder: str) -> Iterator[tuple[str, str]]:
    """The Python files below `folder`, a true path that need not exist, and their true paths, which differ for links; every run
    looks, so it is quick."""
    try:
        with os.scandir(folder) as found:
            there = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in there:
        if entry.name.startswith(("_", ".")):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        elif entry.name.endswith(".py") and not entry.is_dir():
            yield entry.path, os.path.realpath(entry.path) if entry.is_symlink() else entry.path


@lru_cache(maxsize=512)
def _load(path: Path, digest: str) -> Component:
    module = _import(path)
    found = [
        component
        for value in vars(module).values()
        if getattr(value, "__module__", None) == module.__name__
        and isinstance(component := getattr(value, "__sptrader_component__", None), Component)
    ]
    if len(found) != 1:
        names = ", ".join(component.name for component in found) or "none"
        raise ComponentError(
            f"{path}: a component's file holds one function marked with @indicator or @signal; it holds {names}.",
            path=path,
        )
    if found[0].name != path.stem:
        raise ComponentError(
            f"{path}: the component's function was '{found[0].name}'; allowed is '{path.stem}', the name of its file.",
            path=path,
            value=found[0].name,
        )
    return replace(component_of(found[0].function), source_path=path, source_hash=digest)


def _import(path: Path) -> ModuleType:
    # The name must be the same in every process: compiled code on disk is bound to the module it came from.
    name = f"{_MODULE}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ComponentError(f"{path}: not a Python file.", path=path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ComponentError:
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        trace = "".join(traceback.format_exception(error)).rstrip()
        raise ComponentError(
            f"{path}: the component's file cannot be imported: {type(error).__name__}: {error}\n{trace}", path=path
        ) from error
    return module


def create_component(name: str, kind: Kind, *, folder: Path | str | None = None) -> Path:
    """Write a new component's file into `folder` (the workspace's `components`) and return its path.

    Raise `ComponentError` when `name` cannot name a function, or a file of that name is there already.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise ComponentError(
            f"the name was '{name}'; allowed is a Python name in lower case, as in rate_of_change.",
            key="name",
            value=name,
        )
    root = Path(folder).expanduser().resolve() if folder else workspace_folder()
    path = root / f"{kind}s" / f"{name}.py"
    there = _entries(root, "workspace").get(name)
    if there is not None:
        raise ComponentError(f"{there.path}: a component of this name exists; choose another name.", path=there.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(component_source(name, kind), encoding="utf-8")
    return path
