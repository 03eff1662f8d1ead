from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from sptrader.data import fingerprint
from sptrader.data.fingerprint import content_hash


def test_the_hash_is_the_sha256_of_times_names_and_values():
    index = pd.DatetimeIndex(["2017-01-01 00:00"], tz="UTC")
    frame = pd.DataFrame({"open": [1.5], "volume": [2.0]}, index=index)

    # little-endian: 1483228800 s in ns, then each name between zero bytes and its float64
    expected = hashlib.sha256(
        (1_483_228_800 * 10**9).to_bytes(8, "little")
        + b"\0open\0"
        + np.float64(1.5).tobytes()
        + b"\0volume\0"
        + np.float64(2.0).tobytes()
    )

    assert content_hash(frame) == expected.hexdigest()


@pytest.mark.parametrize("change", ["value", "time", "name", "order", "row"])
def test_every_change_shows(good, change):
    other = {
        "value": lambda f: f.assign(close=np.nextafter(f["close"], 2.0)),
        "time": lambda f: f.set_axis(f.index + pd.Timedelta(1, "ns")),
        "name": lambda f: f.rename(columns={"close": "clos"}),
        "order": lambda f: f[["high", "open", "low", "close", "volume"]],
        "row": lambda f: f.iloc[:-1],
    }[change](good)

    assert content_hash(other) != content_hash(good)


def test_a_value_changed_in_place_shows(good):
    before = content_hash(good)
    good.iloc[2, 3] += 1e-12

    assert content_hash(good) != before


def test_memory_layout_and_time_unit_do_not_matter(good):
    columns = {name: good[name].to_numpy()[::-1][::-1] for name in good}

    assert content_hash(pd.DataFrame(columns, index=good.index.as_unit("ms"))) == content_hash(good)
    assert content_hash(good.copy()) == content_hash(good)


def test_sums_seen_long_ago_are_forgotten_and_made_again(good, monkeypatch):
    monkeypatch.setattr(fingerprint, "_KEPT", 1)
    first = content_hash(good)
    content_hash(good.iloc[:2])

    assert content_hash(good) == first
