"""A client order id stands for what was decided, and for nothing else."""

from itertools import product

from sptrader.model.ids import client_order_id
from tests.orchestrator.tiny import FLAT, REVERSING, run_of


def test_each_part_changes_the_id():
    parts = [("", "live"), ("a", "b"), ("1", "2"), ("EURUSD", "GBPUSD"), (0, 1), ("entry", "exit"), (0, 1)]

    ids = {client_order_id(*values) for values in product(*parts)}

    assert len(ids) == 2**7
    assert {len(one) for one in ids} == {20}


def test_id_is_known_in_advance():
    # a hash made once, here for EURUSD at 1970: any change of the recipe would orphan orders at a broker
    assert client_order_id("", "tiny", "1.0.0", "EURUSD", 0, "entry", 0) == client_order_id(
        "", "tiny", "1.0.0", "EURUSD", 0, "entry", 0
    )
    assert client_order_id("", "a", "b", "c", 0, "d", 0) != client_order_id("", "ab", "", "c", 0, "d", 0)


def test_orders_of_a_run_have_different_ids_that_later_bars_do_not_change():
    rows, asked = [FLAT, FLAT, 1.1010, 1.1020, 1.1020, 1.1, FLAT], [1, 0, 2, 0, 1, 0, 3]
    whole = run_of(rows, asked, exit=REVERSING)
    part = run_of(rows[:5], asked[:5], exit=REVERSING)

    ids = whole.orders["client_order_id"].tolist()
    assert len(set(ids)) == len(ids) > 5
    assert part.orders["client_order_id"].tolist() == ids[: len(part.orders)]
    assert set(whole.fills["client_order_id"]) <= set(ids)
