"""Addition of numbers of any length is exact, and its circuit grows with the length and nothing else."""

from __future__ import annotations

import math
import random

import pytest
import torch

from gedi_nesy import Constraint

LENGTHS = (1, 2, 4, 8, 15, 50)


def addition(first, second, total):
    digits = ", ".join(f"{total:0{len(first) + 1}d}")
    query = f"addition([{', '.join(first)}], [{', '.join(second)}], [{digits}])"
    return Constraint.from_program("multi_digit_addition", query=query, networks={"digit_net": [*first, *second]})


def names_in_random_order(length, seed):
    names = [f"V{index}" for index in range(2 * length)]
    random.Random(seed).shuffle(names)
    return names[:length], names[length:]


def log_num_summands(total, length):
    """log of the number of pairs of numbers of this length with the given sum."""
    largest = 10**length - 1
    return math.log(min(total, 2 * largest - total) + 1)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_sum_is_as_likely_as_its_summands_are_many(length):
    total = random.Random(length).randrange(2 * 10**length - 1)
    constraint = addition(*names_in_random_order(length, seed=0), total)
    uniform = torch.full((1, 2 * length, 10), -math.log(10), dtype=torch.float64)
    expected = log_num_summands(total, length) - 2 * length * math.log(10)
    assert constraint.log_probability(uniform).item() == pytest.approx(expected, rel=1e-9)


def test_a_sum_of_three_digit_numbers_equals_the_convolution():
    first, second = names_in_random_order(3, seed=1)
    probabilities = torch.rand(6, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    probabilities /= probabilities.sum(1, keepdim=True)
    numbers = [torch.einsum("a,b,c->abc", *part).flatten() for part in (probabilities[:3], probabilities[3:])]
    for total in (0, 7, 999, 1000, 1314, 1998):
        pairs = [(x, total - x) for x in range(1000) if 0 <= total - x < 1000]
        expected = sum(numbers[0][x] * numbers[1][y] for x, y in pairs)
        actual = addition(first, second, total).log_probability(probabilities.log()[None]).exp()
        torch.testing.assert_close(actual, expected[None])


def test_the_circuit_is_linear_in_the_length_whatever_the_variables_are_called():
    def num_nodes(length, seed):
        return addition(*names_in_random_order(length, seed), int("7" * length)).size()["nodes"]

    assert {num_nodes(8, seed) for seed in range(4)} == {num_nodes(8, seed=4)}
    at_8, at_15, at_50 = num_nodes(8, seed=0), num_nodes(15, seed=0), num_nodes(50, seed=0)
    assert at_50 < 20 * 50
    assert (at_50 - at_15) / 35 == pytest.approx((at_15 - at_8) / 7, abs=2)
