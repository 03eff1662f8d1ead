"""A space numbers its combinations without listing them."""

import numpy as np
import pytest

from sptrader.errors import RunError
from sptrader.runs.space import make_space, read_values
from tests.runs.sweep_program import strategy


def test_numbers_count_as_an_odometer_and_constraints_leave_some_out():
    space = make_space(strategy(), {"fast": [10, 20, 30], "slow": [20, 30]})

    assert [space.combination(k) for k in (0, 1, 2)] == [
        {"fast": 10, "slow": 20},
        {"fast": 10, "slow": 30},
        {"fast": 20, "slow": 20},
    ]
    assert np.concatenate(list(space.every())).tolist() == [0, 1, 3]  # fast < slow
    assert [space.number(space.combination(k)) for k in range(6)] == list(range(6))


def test_a_constraint_may_name_a_parameter_that_does_not_vary():
    space = make_space(strategy(), {"fast": [10, 45]}, constraints=["slow - fast > 20"])  # slow is 40

    assert np.concatenate(list(space.every())).tolist() == [0]


def test_a_million_combinations_take_no_room():
    space = make_space(
        strategy(), {"fast": range(2, 61), "slow": range(10, 201), "stop": {"min": 1, "max": 5, "step": 0.01}}
    )

    assert space.size == 59 * 191 * 401
    drawn = space.some(1000, seed=1)
    assert len(np.unique(drawn)) == 1000
    assert np.array_equal(drawn, space.some(1000, seed=1))
    assert not np.array_equal(drawn, space.some(1000, seed=2))
    assert np.array_equal(space.allowed(drawn), drawn)
    assert len(next(space.every())) == 65536  # a block at a time


def test_ranges_are_exact_and_keep_their_type():
    space = make_space(
        strategy(), {"stop": {"min": 1, "max": 1.3, "step": 0.1}, "fast": {"min": 5, "max": 9, "step": 2}}
    )

    assert space.values == ((1.0, 1.1, 1.2, 1.3), (5, 7, 9))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5:50:5", {"min": 5, "max": 50, "step": 5}),
        ("5:7", {"min": 5, "max": 7, "step": 1}),
        ("50,100", (50, 100)),
        ("a, b", ("a", "b")),
        ("true,false", (True, False)),
        ("0.5", (0.5,)),
    ],
)
def test_values_of_the_command_line(text, expected):
    assert read_values(text) == expected


@pytest.mark.parametrize("text", ["", "1,,2", "a:b", "1:2:3:4:x"])
def test_values_that_cannot_be_read(text):
    if text == "1:2:3:4:x":
        assert read_values(text) == (text,)  # a word
    else:
        with pytest.raises(RunError, match="allowed"):
            read_values(text)
