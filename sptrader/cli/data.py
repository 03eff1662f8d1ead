"""The commands `sptrader data ...`: list, import, show, validate, clean, resample and sample."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from sptrader.data.catalog import Entry, catalog, data_folder
from sptrader.data.checks import QualityReport, check_bars, require_valid
from sptrader.data.clean import CleanReport, clean_bars, clean_ticks
from sptrader.data.importers import Imported
from sptrader.data.importers.csv_bars import import_csv_bars
from sptrader.data.importers.json_ticks import import_json_ticks
from sptrader.data.load import load_bars, open_bars
from sptrader.data.parquet import file_facts, read_ticks, require_file, save_bars, save_ticks
from sptrader.data.resample import bars_from_ticks, resample
from sptrader.data.sample import sample, samples
from sptrader.data.ticks import load_ticks
from sptrader.errors import DataError
from sptrader.model.bars import facts

app = typer.Typer(help="Market data: list, import, show, validate, clean, resample, sample.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Source = Annotated[str, typer.Argument(help="A symbol of the catalog, or a file.")]
Symbol = Annotated[str | None, typer.Option("--symbol", help="The symbol, where the file does not say it.")]
TimeframeOption = Annotated[str | None, typer.Option("--timeframe", help="The bars' length, as 1m, 1h, 1d.")]
Basis = Annotated[str | None, typer.Option("--basis", help="The side of the prices: bid, ask, mid or last.")]
Session = Annotated[str | None, typer.Option("--session", help="fx, 24/7 or an exchange's code such as XNYS.")]
Start = Annotated[str | None, typer.Option("--start", help="First opening time, UTC, included.")]
End = Annotated[
    str | None, typer.Option("--end", help="Last opening time, UTC, included; a bare date is the whole day.")
]
Out = Annotated[Path | None, typer.Option("--out", help="The file to write; by default one in the data folder.")]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]


@app.command("list")
def list_data(as_json: Json = False) -> None:
    """List the data files of the workspace, then the samples."""
    entries = catalog()
    if as_json:
        _print_json({"folder": str(data_folder()), "data": [{**asdict(e), "path": str(e.path)} for e in entries]})
        return
    table = Table("symbol", "kind", "timeframe", "basis", "session", "rows", "source", "file", box=None)
    for entry in entries:
        place = f"sample: {entry.path.name}" if entry.is_sample else str(entry.path)
        note = entry.fault or entry.source
        rows = f"{entry.n_rows:,}"
        table.add_row(entry.symbol, entry.kind, entry.timeframe, entry.basis, entry.session, rows, note, place)
    Console().print(table)


@app.command("show")
def show(
    source: Source,
    timeframe: TimeframeOption = None,
    start: Start = None,
    end: End = None,
    symbol: Symbol = None,
    basis: Basis = None,
    session: Session = None,
    rows: Annotated[int, typer.Option("--rows", help="How many of the last bars to show.", min=1)] = 5,
    as_json: Json = False,
) -> None:
    """Show what is known about the bars, and the last ones."""
    bars = load_bars(source, timeframe, start=start, end=end, symbol=symbol, basis=basis, session=session)
    first, last = str(bars.index[0]), str(bars.index[-1])
    known = {name: value for name, value in facts(bars).items() if value and name != "covers"}
    tail = bars.tail(rows)
    if as_json:
        shown = [
            {"time": str(time), **values} for time, values in zip(tail.index, tail.to_dict("records"), strict=True)
        ]
        _print_json({**known, "n_bars": len(bars), "first": first, "last": last, "rows": shown})
        return
    console = Console()
    for name, value in {**known, "bars": f"{len(bars):,}", "first": first, "last": last}.items():
        console.print(f"{name:13} {value}", highlight=False)
    table = Table("time", *tail.columns, box=None)
    for time, values in zip(tail.index, tail.to_numpy(), strict=True):
        table.add_row(str(time), *(f"{value:.10g}" for value in values))
    console.print(table)


@app.command("validate")
def validate(
    source: Source,
    timeframe: TimeframeOption = None,
    symbol: Symbol = None,
    basis: Basis = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Check bars against every rule; exit code 2 when one is broken."""
    report = check_bars(open_bars(source, timeframe, symbol=symbol, basis=basis, session=session), name=source)
    if as_json:
        _print_json({**asdict(report), "tier": report.tier})
        if report.errors:
            raise typer.Exit(2)
        return
    require_valid(report)
    _print_report(report)


@app.command("import")
def import_data(
    source: Annotated[Path, typer.Argument(help="A CSV file, a Parquet file, or a folder of JSON tick parts.")],
    symbol: Symbol = None,
    timeframe: TimeframeOption = None,
    basis: Basis = None,
    session: Session = None,
    out: Out = None,
    origin: Annotated[str, typer.Option("--source", help="Where the data is from, kept in the file.")] = "",
    adjustment: Annotated[str, typer.Option("--adjustment", help="Of shares: split, split+dividend or none.")] = "",
    time_column: Annotated[str | None, typer.Option("--time-column", help="CSV: the column of times.")] = None,
    time_zone: Annotated[str | None, typer.Option("--time-zone", help="CSV: the zone of times without one.")] = None,
    time_format: Annotated[
        str | None, typer.Option("--time-format", help="CSV: as strptime, or unix_s or unix_ms.")
    ] = None,
    sided: Annotated[bool, typer.Option("--sided", help="Ticks: bars with bid and ask columns.")] = False,
    force: Force = False,
) -> None:
    """Bring data into the workspace as Parquet with its facts: CSV or Parquet bars, JSON tick parts.

    Ticks become bars when a timeframe is given, else a file of ticks.
    """
    if not source.exists():
        require_file(source)
    is_json = source.is_dir() or source.suffix == ".json"
    if is_json or (source.suffix == ".parquet" and _holds_ticks(source)):
        _import_ticks(_ticks(source, symbol, is_json=is_json), timeframe, basis, session, out, sided=sided, force=force)
        return
    if source.suffix == ".parquet":
        bars = load_bars(source, timeframe, symbol=symbol, basis=basis, session=session)
        chosen = {name: value for name, value in (("source", origin), ("adjustment", adjustment)) if value}
        bars.attrs.update({f"sptrader.{name}": value for name, value in chosen.items()})
        imported = Imported(bars, (f"read {len(bars):,} bars",))
    else:
        needed = {"--symbol": symbol, "--timeframe": timeframe, "--basis": basis}
        imported = import_csv_bars(
            source,
            symbol=_given(needed, "--symbol"),
            timeframe=_given(needed, "--timeframe"),
            basis=_given(needed, "--basis"),
            session=session,
            source=origin,
            adjustment=adjustment,
            time_column=time_column,
            time_zone=time_zone,
            time_format=time_format,
        )
    report = check_bars(imported.frame, name=str(source))
    require_valid(report)
    _print_steps(imported.steps)
    _print_report(report)
    _save(imported.frame, out, force=force)


@app.command("clean")
def clean(
    source: Annotated[Path, typer.Argument(help="A Parquet file of bars or ticks.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    symbol: Symbol = None,
    timeframe: TimeframeOption = None,
    basis: Basis = None,
    session: Session = None,
    sort: Annotated[bool, typer.Option("--sort", help="Sort the rows by time.")] = False,
    duplicates: Annotated[
        Literal["first", "last"] | None, typer.Option("--duplicates", help="Which row of a repeated time to keep.")
    ] = None,
    drop_invalid: Annotated[bool, typer.Option("--drop-invalid", help="Drop rows with impossible values.")] = False,
    drop_off_grid: Annotated[bool, typer.Option("--drop-off-grid", help="Drop rows that start no bar.")] = False,
    drop_closed_market: Annotated[
        bool, typer.Option("--drop-closed-market", help="Drop bars while the market is closed.")
    ] = False,
    force: Force = False,
) -> None:
    """Repair data as asked, say what was done, and write the result to another file."""
    require_file(source)
    if _holds_ticks(source):
        ticks = read_ticks(source)
        if symbol:
            ticks.attrs["sptrader.symbol"] = symbol
        repaired, done = clean_ticks(ticks, sort=sort, drop_repeated=duplicates is not None, drop_invalid=drop_invalid)
        load_ticks(repaired)
        _print_clean(done)
        _require_free(out, force=force)
        save_ticks(repaired, out)
        return
    bars = open_bars(source, timeframe, symbol=symbol, basis=basis, session=session)
    repaired, done = clean_bars(
        bars,
        sort=sort,
        duplicates=duplicates,
        drop_invalid=drop_invalid,
        drop_off_grid=drop_off_grid,
        drop_closed_market=drop_closed_market,
    )
    report = check_bars(repaired, name=f"{source}, repaired")
    _print_clean(done)
    require_valid(report)
    _print_report(report)
    _save(repaired, out, force=force)


@app.command("resample")
def resample_data(
    source: Source,
    to: Annotated[str, typer.Option("--to", help="The new length of bars, a whole multiple of the old.")],
    timeframe: TimeframeOption = None,
    start: Start = None,
    end: End = None,
    symbol: Symbol = None,
    basis: Basis = None,
    session: Session = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Make longer bars of shorter ones, complete bars only, and write them."""
    bars = load_bars(source, timeframe, start=start, end=end, symbol=symbol, basis=basis, session=session)
    longer = resample(bars, to)
    if longer.empty:
        raise DataError(f"{source}: its {len(bars):,} bars make no complete {to} bar.", key="timeframe", value=to)
    _print_steps((f"{len(bars):,} {facts(bars)['timeframe']} bars made {len(longer):,} complete {to} bars",))
    _save(longer, out, force=force)


@app.command("sample")
def sample_data(
    symbol: Annotated[str | None, typer.Argument(help="Which sample; without it the samples are listed.")] = None,
    timeframe: TimeframeOption = None,
    out: Out = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """List the sample bars that come with the package, or write one to a file."""
    if symbol is None:
        _print_samples(samples(), as_json=as_json)
        return
    known = [entry.timeframe for entry in samples() if entry.symbol == symbol]
    bars = sample(symbol, timeframe or (known[0] if known else ""))
    _save(bars, out, force=force)


def _print_samples(entries: list[Entry], *, as_json: bool) -> None:
    if as_json:
        _print_json({"samples": [{**asdict(e), "path": str(e.path)} for e in entries]})
        return
    table = Table("symbol", "timeframe", "basis", "rows", "adjustment", "source", box=None)
    for e in entries:
        table.add_row(e.symbol, e.timeframe, e.basis, f"{e.n_rows:,}", e.adjustment, e.source)
    Console().print(table)


def _ticks(source: Path, symbol: str | None, *, is_json: bool) -> Imported:
    if not is_json:
        ticks = load_ticks(source, symbol=symbol)
        return Imported(ticks, (f"read {len(ticks):,} ticks",))
    return import_json_ticks(source, symbol=_given({"--symbol": symbol}, "--symbol"))


def _import_ticks(
    imported: Imported,
    timeframe: str | None,
    basis: str | None,
    session: str | None,
    out: Path | None,
    *,
    sided: bool,
    force: bool,
) -> None:
    _print_steps(imported.steps)
    if timeframe is None:
        path = out or data_folder() / f"{facts(imported.frame).get('symbol', 'ticks')}-ticks.parquet"
        _require_free(path, force=force)
        save_ticks(imported.frame, path)
        _print_steps((f"wrote {len(imported.frame):,} ticks to {path}",))
        return
    chosen = _given({"--basis": basis}, "--basis")
    bars = bars_from_ticks(imported.frame, timeframe, basis=chosen, session=session, sided=sided)
    report = check_bars(bars, name=f"{timeframe} bars of the ticks")
    require_valid(report)
    _print_report(report)
    _save(bars, out, force=force)


def _holds_ticks(path: Path) -> bool:
    import pyarrow.parquet as pq

    if file_facts(path)[0].get("kind") == "ticks":
        return True
    names = {name.lower() for name in pq.read_schema(path).names}
    return {"bid", "ask"} <= names and "close" not in names


def _given(options: dict[str, str | None], name: str) -> str:
    value = options[name]
    if value is None:
        missing = " ".join(option for option, given in options.items() if given is None)
        raise DataError(f"{missing} must be given: the data does not say it, and it is not guessed.", key=name)
    return value


def _save(bars: pd.DataFrame, out: Path | None, *, force: bool) -> None:
    known = facts(bars)
    path = out or data_folder() / f"{known['symbol']}-{known['timeframe']}-{known['basis']}.parquet"
    _require_free(path, force=force)
    written = save_bars(bars, path)
    _print_steps((f"wrote {len(bars):,} bars to {path}, content hash {written.content_hash[:16]}…",))


def _require_free(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise DataError(
            f"{path}: is there already; give another --out, or --force to write over it.", path=path, key="out"
        )


def _print_clean(done: CleanReport) -> None:
    _print_steps((str(done),))


def _print_report(report: QualityReport) -> None:
    console = Console()  # a terminal wraps long lines itself, a notebook cuts them off
    console.print(str(report), highlight=False, soft_wrap=not console.is_jupyter, markup=False)


def _print_steps(steps: tuple[str, ...]) -> None:
    for step in steps:
        typer.echo(step)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value))
