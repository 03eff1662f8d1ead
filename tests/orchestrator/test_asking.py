"""Asking: the bits of four rules and the blocks they fall into, as the kernel finds the blocks, compiled and as plain Python."""

import numpy as np
import pytest

from sptrader.kernel.blocks import BLOCK, asked_in_blocks
from sptrader.orchestrator.asking import asking
from sptrader.orchestrator.asks import Rules, asked_bits

NONE = np.empty(0, np.int8)


def truths(draw, n):
    return draw.choice([-1, 0, 1], n, p=[0.02, 0.93, 0.05]).astype(np.int8)


def test_each_rule_has_its_bit_and_what_is_unknown_asks_for_nothing():
    #            enter long 1, enter short 2, leave long 4, leave short 8
    rules = Rules(
        np.array([1, 0, -1, 1], np.int8),
        np.array([0, 1, -1, 1], np.int8),
        None,
        np.array([0, 0, 1, 1], np.int8),
    )

    assert asked_bits(rules, 4).tolist() == [1, 2, 8, 11]
    assert asked_bits(Rules(None, None, None, None), 3).tolist() == [0, 0, 0]


@pytest.mark.parametrize("run", [asking, asking.py_func], ids=["compiled", "plain"])
@pytest.mark.parametrize("n", [0, 1, BLOCK - 1, BLOCK, 5 * BLOCK + 3])
def test_blocks_are_those_the_kernel_finds_in_the_bits(run, n):
    draw = np.random.default_rng(n)
    for missing in range(5):
        sides = [NONE if side == missing else truths(draw, n) for side in range(4)]
        bits, asked = np.zeros(n, np.uint8), np.empty((n // BLOCK, 1), np.bool_)

        run(*sides, bits, bits[: len(asked) * BLOCK].view(np.uint64), asked)

        expected = sum((side == 1) * 2**k for k, side in enumerate(sides) if len(side))
        assert bits.tolist() == (expected * np.ones(n, int)).tolist()
        assert asked.tolist() == asked_in_blocks(bits.reshape(1, n, 1)).tolist()
