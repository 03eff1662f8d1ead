from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

REAL = Path(__file__).parents[2] / ".." / "shared" / "data"


@pytest.fixture
def real_data() -> Path:
    """The folder of real data beside the project; skips where it is not."""
    if not REAL.is_dir():
        pytest.skip("the real data beside the project (../shared/data) is not here")
    return REAL


@pytest.fixture
def good() -> pd.DataFrame:
    """Six hourly FX bars of a Monday, in the shape of a foreign frame."""
    index = pd.date_range("2017-03-13 08:00", periods=6, freq="h", tz="UTC", name="time")
    return pd.DataFrame(
        {
            "open": [1.10, 1.11, 1.12, 1.13, 1.12, 1.11],
            "high": [1.12, 1.13, 1.14, 1.14, 1.13, 1.12],
            "low": [1.09, 1.10, 1.11, 1.11, 1.10, 1.10],
            "close": [1.11, 1.12, 1.13, 1.12, 1.11, 1.11],
            "volume": [10.0, 20.0, 30.0, 40.0, 50.0, 60.0],
        },
        index=index,
    )


@pytest.fixture
def write(tmp_path: Path) -> Callable[[pd.DataFrame], Path]:
    """Write a frame as pandas would, as a foreign Parquet file."""

    def write_foreign(frame: pd.DataFrame) -> Path:
        path = tmp_path / "foreign.parquet"
        frame.to_parquet(path)
        return path

    return write_foreign
