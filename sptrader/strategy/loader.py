"""The loader: a strategy file, in either dialect, to a checked `Strategy`; all faults of a file come at once."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from sptrader.components import registry as default_registry
from sptrader.errors import StrategyError
from sptrader.strategy.declarations import component_names, read_constraints, read_parameters, read_space
from sptrader.strategy.document import Scalar, Table, read_document
from sptrader.strategy.faults import Fault, Faults
from sptrader.strategy.fields import required, text
from sptrader.strategy.parse import Scope
from sptrader.strategy.reader import Field, Fields, Reader, read_table
from sptrader.strategy.readings import Readings, parameters_in
from sptrader.strategy.sections import SECTIONS, read_parts
from sptrader.strategy.sptraderb import is_sptraderb, translate
from sptrader.strategy.strategy import Strategy
from sptrader.strategy.wiring import Components, wire

_VERSION = r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,31}"
_PACKAGE = Path(__file__).resolve().parents[1]


def _elsewhere(doc: str, reference: str) -> Field:
    return Field(lambda reader, value, key: value, {"$ref": f"#/$defs/{reference}"}, doc)


TOP: Fields = {
    "name": required(text("The strategy's name.", pattern=r"[^\n]{1,100}", expected="a name")),
    "version": required(text("Its version.", pattern=_VERSION, expected="a version such as 1.0.0")),
    "description": text("What it does, for its readers."),
    "author": text("Who wrote it."),
    "parameters": _elsewhere("What a sweep may vary; $name refers to it.", "parameters"),
    "constraints": _elsewhere("Conditions over parameters that every choice must meet.", "constraints"),
    "indicators": _elsewhere("Numbers per bar, by name.", "indicators"),
    "signals": _elsewhere("Events on some bars, by name.", "signals"),
    **{name: _elsewhere(doc, name) for name, (doc, _) in SECTIONS.items()},
    "optimize": _elsewhere("The values of each parameter that a sweep tries.", "optimize"),
}


def load_strategy(path: str | Path, *, registry: Components | None = None, check_components: bool = True) -> Strategy:
    """Load the strategy file at `path`, or the one of that name in `strategies/` of this folder or of the package.

    Raise `StrategyError` with every fault of the file: unknown keys, wrong values, and (with `check_components`) unknown
    components, wiring and component parameters, looked up in `registry` or in the shipped library and the workspace.
    """
    found = find_strategy(path)
    try:
        raw = found.read_bytes()
    except OSError as error:
        raise StrategyError(f"{found}: the file cannot be read: {error.strerror}.", path=found) from error
    try:
        written = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise StrategyError(f"{found}:{line}:1: this is not text in UTF-8 (byte {error.start}).", path=found) from error
    components = registry if registry is not None or not check_components else default_registry()
    return read_strategy(written, path=found, registry=components, source_hash=hashlib.sha256(raw).hexdigest())


def read_strategy(
    written: str, *, path: str | Path = "strategy.yaml", registry: Components | None = None, source_hash: str = ""
) -> Strategy:
    """Read a strategy from YAML text; `path` is only named in messages, and where relative files are looked for.

    Without a `registry` components are not looked up. Raise `StrategyError` with every fault.
    """
    faults = Faults(str(path))
    document = read_document(written, faults)
    faults.raise_any()
    warnings: list[str] = []
    is_original = is_sptraderb(document)
    if is_original:
        document, doubts = translate(document)
        warnings += [faults.text(doubt) for doubt in doubts]
    header = read_table(Reader(faults), document, "", TOP)
    parameters = read_parameters(document, Reader(faults))
    reader = make_reader(document, faults, {name: parameter.default for name, parameter in parameters.items()})
    parts = read_parts(document, reader, needs_market=not is_original)
    constraints = read_constraints(document, reader)
    space = read_space(document, reader, parameters)
    if registry is not None:
        wire(document, reader, registry)
    faults.raise_any()
    return Strategy(
        name=header["name"],
        version=header["version"],
        description=header.get("description", ""),
        market=parts.market,
        parameters=parameters,
        space=space,
        constraints=constraints,
        backtest=parts.backtest,
        live=parts.live,
        source_path=str(path),
        source_hash=source_hash or hashlib.sha256(written.encode()).hexdigest(),
        source_text=written,
        warnings=(*warnings, *_idle(document, faults)),
        dialect="sptraderb" if is_original else "sptrader",
        document=document,
    )


def find_strategy(path: str | Path) -> Path:
    """Return the file `path`, or the strategy of that name here or in the package; raise `StrategyError` naming the nearest."""
    given = Path(path).expanduser()
    if given.is_file():
        return given
    known = {found.stem: found for found in (*strategy_files(shipped_folder()), *strategy_files())}
    if given.parent == Path(".") and given.stem in known and given.suffix in ("", ".yaml", ".yml"):
        return known[given.stem]
    near = difflib.get_close_matches(given.stem, known, n=1)
    hint = f"; did you mean '{known[near[0]]}'?" if near else "."
    what = "is a folder" if given.is_dir() else "does not exist"
    raise StrategyError(
        f"{given}: the strategy file {what}{hint} Known strategies: {', '.join(known) or 'none'}.",
        path=given,
        value=str(path),
    )


def strategy_files(folder: Path | None = None) -> tuple[Path, ...]:
    """Return the strategy files of `folder`, by name; without one those in `strategies/` here, else the shipped ones."""
    if folder is None:
        here = Path("strategies")
        folder = here if here.is_dir() else shipped_folder()
    return tuple(sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))))


def shipped_folder() -> Path:
    """Return the folder of the shipped strategies: inside an installed package, beside it in a source checkout."""
    inside = _PACKAGE / "workspace" / "strategies"
    return inside if inside.is_dir() else _PACKAGE.parent / "strategies"


def make_reader(
    document: Table, faults: Faults, values: Mapping[str, Scalar], readings: Readings | None = None
) -> Reader:
    """Return a reader that knows the document's indicators and signals, and the parameters' `values`."""
    reader = Reader(faults, Scope(parameters=values), readings=readings)
    indicators, signals = reader.once(document, "", lambda: component_names(document, reader))
    reader.scope = Scope(parameters=values, indicators=indicators, signals=signals)
    return reader


def _idle(document: Table, faults: Faults) -> Iterator[str]:
    """Yield a warning for what stands in the file but changes nothing."""
    parameters = document.get("parameters")
    ignored = ("parameters", "optimize", "constraints")
    used = {name for key, value in document.values.items() if key not in ignored for name in parameters_in(value)}
    if isinstance(parameters, Table):
        for name, mark in parameters.marks.items():
            if name not in used:
                yield faults.text(
                    Fault(mark, f"parameters.{name}", f"nothing refers to ${name}; changing it has no effect.")
                )
    entry, leaving = document.get("entry"), document.get("exit")
    if isinstance(entry, Table) and isinstance(leaving, Table):
        for side in ("long", "short"):
            if side in leaving and side not in entry:
                sentence = f"there is no entry.{side}, so this exit is never used."
                yield faults.text(Fault(leaving.marks[side], f"exit.{side}", sentence))
