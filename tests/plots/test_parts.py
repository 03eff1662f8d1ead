"""HTML parts say what the data says, and nothing in the data can become markup."""

import pandas as pd
import pytest

from sptrader.plots.parts import (
    MAX_BYTES,
    Card,
    Doubt,
    cards_part,
    facts_part,
    head_part,
    meter_part,
    table_part,
    verdict_part,
)


@pytest.mark.parametrize(("n", "a_row"), [(3, 3), (5, 5), (6, 3), (7, 4), (8, 4), (9, 3), (10, 5)])
def test_no_card_is_left_alone_in_its_row(n, a_row):
    cards = [Card("a", "1", "", "")] * n

    assert f'style="--most:{a_row}"' in cards_part(cards)


def test_markup_in_the_data_stays_text():
    bad = "<script>alert(1)</script>"

    html = "".join(
        [
            head_part(bad, bad, [(bad, bad)]),
            verdict_part("poor", bad, bad, [Doubt(bad, bad, bad, bad)]),
            cards_part([Card(bad, bad, bad, "", '"><img src=x>')]),
            facts_part({bad: {bad: bad}}),
            table_part(pd.DataFrame({bad: [bad]})),
        ]
    )

    assert "<script>" not in html
    assert "<img" not in html
    assert html.count("&lt;script&gt;") >= 10


def test_facts_are_told_by_dotted_names_and_empty_ones_left_out():
    html = facts_part({"data": {"EURUSD": {"rows": 6225}}, "tags": ["a", "b"], "note": None, "text": "", "more": {}})

    assert "data.EURUSD.rows" in html
    assert "a, b" in html
    assert "note" not in html
    assert "more" not in html


def test_numbers_of_a_column_share_their_decimals_and_signs_have_colours():
    table = pd.DataFrame({"price": [1.5, 1.25], "pnl": [3.0, -4.0], "return": [0.01, -0.02], "n": [1000, 2]})

    html = table_part(table, signed=("pnl", "return"), percent=("return",))

    assert '<td class="n">1.50</td>' in html
    assert '<td class="n up">+3.00</td>' in html
    assert '<td class="n down">-2.00%</td>' in html
    assert '<td class="n">1,000</td>' in html


def test_missing_values_are_empty_cells():
    times = pd.to_datetime(["2017-03-03 17:00", None], utc=True)
    table = pd.DataFrame({"time": times, "stop": [None, 1.5], "reason": [None, "signal"]})

    html = table_part(table)

    assert "<td>2017-03-03 17:00</td>" in html
    assert "<td></td>" in html
    assert '<td class="n"></td>' in html
    assert "nan" not in html.lower()
    assert "None" not in html


def test_long_table_shows_its_ends_and_says_so():
    html = table_part(pd.DataFrame({"n": range(5000)}), max_rows=10)

    assert html.count("<tr>") == 11
    assert '<td class="n">4,999</td>' in html
    assert "The first and the last 5 of 5,000 rows." in html


def test_table_of_many_bytes_is_cut_to_its_ends_and_says_so():
    html = table_part(pd.DataFrame({"number": range(900), "text": "x" * 400}))

    assert len(html) < MAX_BYTES + 1000
    assert "The first and the last 89 of 900 rows." in html  # a row has 447 bytes, 80,000 / 447 / 2 = 89
    assert ">899<" in html


def test_meter_is_full_at_the_limit_and_empty_without_one():
    assert "width:25.0%" in meter_part(0.25)
    assert "full" in meter_part(1.0)
    assert meter_part(float("nan")) == ""
