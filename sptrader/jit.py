"""The two decorators of compiled code: `@compiled` for loops that Python calls, `@inlined` for the verbs inside them.

A compiled loop's machine code is kept on disk under a digest of *all* compiled sources. Numba's own cache looks at the
loop's file only, and would go on running an old verb after the verb's file changed. The folder is
`SPTRADER_CACHE` or the user's cache folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE = Path(__file__).parent


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
    """Compile `function` when first called: no GIL, IEEE arithmetic, kept on disk for the next process.

    Division by zero gives inf or nan as in numpy. The plain Python stays reachable as `.py_func`.
    """
    import numba

    config = cast(Any, numba.config)
    folder = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder())
    try:
        return cast(F, numba.njit(nogil=True, error_model="numpy", cache=True)(function))
    finally:
        config.CACHE_DIR = folder


def inlined(function: F) -> F:
    """Compile `function` into each loop that calls it, so that the loop's constants reach it."""
    import numba

    # `_nrt` off: an inlined verb makes no arrays, so counting references to those it is given (an atomic addition each,
    # 250 ns a bar in all) is left out.
    return cast(F, cast(Any, numba.njit)(nogil=True, error_model="numpy", forceinline=True, _nrt=False)(function))
