"""SGLD against its literal update, against known moments, and what it must leave alone."""

from __future__ import annotations

import torch
from torch import nn

from gedi_nesy.samplers.buffer import ReplayBuffer
from gedi_nesy.samplers.sgld import SgldOptions, sample


def test_a_step_is_the_literal_update():
    start = torch.randn(3, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    options = SgldOptions(steps=2, step_size=0.3, noise_std=0.05)
    moved = sample(lambda x: -(x**4).sum(dim=(1, 2, 3)), start, options, torch.Generator().manual_seed(1))
    generator, expected = torch.Generator().manual_seed(1), start
    for _ in range(2):
        expected = expected + 0.3 * (-4 * expected**3) + 0.05 * torch.randn(start.shape, generator=generator)
    torch.testing.assert_close(moved, expected)


def test_proper_langevin_steps_reach_the_moments_of_a_gaussian():
    mean, std, noise = 0.7, 0.4, 0.05
    options = SgldOptions(steps=600, step_size=noise**2 / 2, noise_std=noise)
    chains = sample(
        lambda x: -((x - mean) ** 2).sum(dim=(1, 2, 3)) / (2 * std**2),
        torch.zeros(4000, 1, 1, 1),
        options,
        torch.Generator().manual_seed(0),
    )
    # 4,000 independent chains: standard errors 0.006 and 0.0045.
    assert abs(float(chains.mean()) - mean) < 0.03
    assert abs(float(chains.std()) - std) < 0.02


def test_parameters_get_no_gradient_and_the_start_stays():
    network = nn.Linear(4, 1)
    start = torch.rand(2, 1, 2, 2)
    before = start.clone()
    sample(lambda x: network(x.flatten(1)).squeeze(1), start, SgldOptions(steps=3), torch.Generator().manual_seed(0))
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(start, before)


def test_sampling_works_where_no_gradient_is_recorded():
    network = nn.Linear(4, 1)
    with torch.no_grad():
        moved = sample(
            lambda x: network(x.flatten(1)).squeeze(1), torch.zeros(2, 1, 2, 2), SgldOptions(steps=1), torch.Generator()
        )
    assert not moved.requires_grad and moved.abs().sum() > 0


def test_drawn_chains_come_from_the_buffer_or_start_fresh():
    buffer = ReplayBuffer(100, (1, 2, 2), fresh=0.05, generator=torch.Generator().manual_seed(0))
    buffer.images.fill_(9.0)
    generator, fresh = torch.Generator().manual_seed(1), 0
    for _ in range(100):
        _, start = buffer.draw(100, generator)
        is_fresh = (start != 9.0).flatten(1).all(dim=1)
        assert (is_fresh | (start == 9.0).flatten(1).all(dim=1)).all()
        assert start[is_fresh].abs().max() <= 1 if is_fresh.any() else True
        fresh += int(is_fresh.sum())
    assert 400 < fresh < 600  # 10,000 draws at 5%: 500 +- 22


def test_noise_is_uniform_between_minus_one_and_one_in_the_first_fill_and_in_fresh_chains():
    """The mean of 20,000 numbers has a standard error of 0.004, their variance of 1/3 one of 0.002."""
    buffer = ReplayBuffer(5000, (1, 2, 2), fresh=1.0, generator=torch.Generator().manual_seed(0))
    for noise in (buffer.images, buffer.draw(5000, torch.Generator().manual_seed(1))[1]):
        assert noise.min() >= -1 and noise.max() <= 1
        assert abs(float(noise.mean())) < 0.02 and abs(float(noise.var()) - 1 / 3) < 0.01


def test_rows_are_distinct_when_there_are_enough_and_stored_back():
    buffer = ReplayBuffer(10, (1, 1, 1), fresh=0.0, generator=torch.Generator().manual_seed(0))
    rows, start = buffer.draw(10, torch.Generator().manual_seed(1))
    assert sorted(rows.tolist()) == list(range(10))
    buffer.store(rows, start + 5)
    torch.testing.assert_close(buffer.images[rows], start + 5)
    assert buffer.draw(25, torch.Generator().manual_seed(1))[1].shape == (25, 1, 1, 1)
