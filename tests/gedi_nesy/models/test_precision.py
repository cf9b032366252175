"""Full precision inside autocast."""

from __future__ import annotations

import torch

from gedi_nesy.models.precision import full_precision, tf32


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


def test_tf32_is_off_in_full_precision_and_as_it_was_afterwards():
    @full_precision
    def seen(_):
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32

    def outside():
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32

    before = outside()
    with tf32(True):
        assert outside() == (True, True)
        assert seen(torch.ones(1)) == (False, False)
        assert outside() == (True, True)
    assert outside() == before
