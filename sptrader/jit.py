"""The two decorators of compiled code: `@compiled` for loops and for verbs that are seldom needed, `@inlined` for the verbs of
every bar.

A compiled loop's machine code is kept on disk under a digest of *all* compiled sources. Numba's own cache looks at the
loop's file only, and would go on running an old verb after the verb's file changed. The folder is
`SPTRADER_CACHE` or the user's cache folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE = Path(__file__).parent
_KERNEL = "sptrader.kernel."


@lru_cache(maxsize=1)
def sources_digest() -> str:
    """Return a short digest of this file and of every file that holds compiled code."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        text = path.read_bytes()
        if b"sptrader.jit import" in text or path.name == "jit.py" or path.parent.name == "kernel":
            digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + text + b"\0")
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Return the folder of compiled code for these sources."""
    root = os.environ.get("SPTRADER_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "sptrader" / "compiled" / sources_digest()


def compiled(function: F) -> F:
    """Compile `function` when it is first called, by Python or by compiled code; kept on disk for the next process.

    No GIL, IEEE arithmetic; division by zero gives inf or nan as in numpy. The plain Python stays reachable as `.py_func`.
    """
    import numba

    config = cast(Any, numba.config)
    folder = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder())
    try:
        # `forceinline` is said because an inlined verb hands its own down to all that it calls.
        return _jit(function, cache=True, forceinline=False, _nrt=not function.__module__.startswith(_KERNEL))
    finally:
        config.CACHE_DIR = folder


def inlined(function: F) -> F:
    """Compile `function` into each loop that calls it, so that the loop's constants reach it."""
    return _jit(function, forceinline=True, _nrt=False)


@lru_cache(maxsize=1)
def _leave_scipy_out() -> None:
    """Keep numba from importing scipy, where it is installed, just to know that it is there: 0.15 s of a process's start.

    Compiled code that multiplies matrices still finds it: numba asks again when it compiles that.
    """
    if find_spec("scipy") is None:
        return
    from numba.np import linalg

    numba_linalg = cast(Any, linalg)
    ensure_blas = numba_linalg.ensure_blas
    numba_linalg.ensure_blas = lambda: None
    try:
        import_module("numba.np.arraymath")  # asks once, when it is imported
    finally:
        numba_linalg.ensure_blas = ensure_blas


def _jit(function: F, **options: Any) -> F:
    """Apply numba with what both decorators share.

    `_nrt` off: the kernel makes no arrays, so counting references to those it is given (an atomic addition each, 250 ns a
    bar in all) is left out. Calls with different constants share one compilation: numba would make one for each
    combination of them, and twice as many functions.
    """
    import numba
    from numba.core import types

    _leave_scipy_out()
    njit, unliteral = cast(Any, numba.njit), cast(Any, types.unliteral)
    result = njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True, **options)(function)
    if hasattr(result, "get_call_template"):  # not where NUMBA_DISABLE_JIT leaves plain functions
        template = result.get_call_template
        result.get_call_template = lambda args, kws: template(
            tuple(map(unliteral, args)), {name: unliteral(value) for name, value in kws.items()}
        )
    return cast(F, result)
