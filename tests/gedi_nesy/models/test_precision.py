"""Full precision inside autocast."""

from __future__ import annotations

import torch

from gedi_nesy.models.precision import full_precision


@full_precision
def product(first, second):
    return first @ second


def test_half_precision_is_widened_and_double_kept():
    ones = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert (ones @ ones).dtype == torch.bfloat16
        assert product(ones, ones).dtype == torch.float32
        assert product(ones.bfloat16(), ones.half()).dtype == torch.float32
        assert (ones @ ones).dtype == torch.bfloat16
    assert product(ones.double(), ones.double()).dtype == torch.float64


def test_the_value_under_autocast_is_that_of_full_precision():
    first, second = torch.randn(2, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(product(first, second), first @ second) is False
        inside = product(first, second)
    assert torch.equal(inside, first @ second)
