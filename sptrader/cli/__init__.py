"""The command line: parses, calls one function of the floors below, prints. Exit codes: 0 done, 1 failed, 2 wrong input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `sptrader` with `arguments` (those of the process when None) and leave with its exit code.

    Errors are one message on standard error; `--debug` anywhere among the arguments shows the traceback as well.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    is_debugging = "--debug" in given
    code = _run([a for a in given if a != "--debug"], is_debugging=is_debugging)
    if arguments is None:
        sys.exit(code)
    return code


def _run(given: list[str], *, is_debugging: bool) -> int:
    import typer
    from typer.exceptions import TyperException

    from sptrader.cli.app import app
    from sptrader.errors import SptraderError, StrategyError

    try:
        result = app(args=given, prog_name="sptrader", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except SptraderError as error:
        faults = error.faults if isinstance(error, StrategyError) else (str(error),)
        print("\n".join(f"sptrader: {_without_trace(fault)}" for fault in faults), file=sys.stderr)
        if is_debugging:
            raise
        return 1 if error.is_failure else 2
    except typer.Exit as leave:
        return leave.exit_code
    except TyperException as error:  # a usage error: shows what was wrong and how to get help
        usage: Any = error
        usage.show()
        return int(usage.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        print("sptrader: stopped.", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:
        print(f"sptrader: {type(error).__name__}: {error} (run again with --debug for the traceback)", file=sys.stderr)
        if is_debugging:
            raise
        return 1


def _without_trace(message: str) -> str:
    """The message of an error without the traceback that components' errors carry."""
    told, trace, _ = message.partition("\nTraceback (most recent call last):")
    return f"{told} (--debug shows where)" if trace else told
