"""A server of streams for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sptrader.errors import StreamError
from sptrader.streams.embedded import EmbeddedServer, find_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    try:
        find_server()
    except StreamError as error:
        pytest.skip(str(error))
    with EmbeddedServer(tmp_path_factory.mktemp("parity")) as running:
        yield running
