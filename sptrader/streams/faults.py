"""Faults that streams in memory and on a server have in common, said alike."""

from __future__ import annotations

from sptrader.errors import StreamError


def no_group(group: str, stream: str) -> StreamError:
    """Return the error of a group that is not there."""
    return StreamError(
        f"Stream '{stream}' has no group '{group}': it was never made, or the server has lost its data. Nothing was read; "
        "make the group at the id that the journal recorded, and expect what came since to be missing.",
        key=stream,
        value=group,
        is_failure=True,
    )


def no_fields(stream: str) -> StreamError:
    """Return the error of an entry without fields."""
    return StreamError(f"An entry has at least one field; this one for '{stream}' has none.", key=stream)


def was_closed(where: str) -> StreamError:
    """Return the error of a connection that its owner has closed."""
    return StreamError(f"The connection to {where} was closed; make a new one.", is_failure=True)


def data_lost(where: str, stream: str) -> StreamError:
    """Return the error of a server that came back with less than it had been told."""
    return StreamError(
        f"{where} came back and has lost the last entries of '{stream}'. Start again: what is missing is sent again then.",
        key=stream,
        is_failure=True,
    )
