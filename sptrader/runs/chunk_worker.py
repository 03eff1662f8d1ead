"""Chunk worker: the child process that does chunks of work for `sptrader.runs.process_workers`.

Messages on standard input: the module search path, (function, shared), then chunks, each a pickle after its length. Each chunk
is answered by (result, error). What the function prints goes to standard error. It ends with its input, and so with its parent.
"""

from __future__ import annotations

import os
import pickle
import struct
import sys
import traceback
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<Q")


def read_message(pipe: Any) -> bytes | None:
    """Return the next message, or None where the other side has gone."""
    try:
        head = pipe.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack(head)
        body: bytes = pipe.read(length)
    except (OSError, ValueError):  # ValueError: the pipe was closed on this side
        return None
    return body if len(body) == length else None


def write_message(pipe: Any, message: bytes) -> None:
    """Write one message and send it off."""
    pipe.write(_LENGTH.pack(len(message)))
    pipe.write(message)
    pipe.flush()


def main() -> None:
    """Serve chunks until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source: BinaryIO = sys.stdin.buffer
    path = read_message(source)
    task = read_message(source)
    if path is None or task is None:
        return
    sys.path[:] = pickle.loads(path)
    function: Any = None
    shared: Any = None
    while (message := read_message(source)) is not None:
        try:
            if function is None:
                function, shared = pickle.loads(task)
                task = b""
            answer: tuple[Any, Exception | None] = (function(shared, pickle.loads(message)), None)
        except Exception as error:
            answer = (None, _portable(error))
        try:
            write_message(answers, pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))
        except BrokenPipeError:
            return


def _portable(error: Exception) -> Exception:
    """The error, or one of the same text where it cannot be pickled; its traceback goes along as a note."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    main()
