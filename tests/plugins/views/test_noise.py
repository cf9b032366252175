"""Gaussian noise."""

from __future__ import annotations

import torch
from gedi_nesy_plugins.views.noise import GaussianNoise
from scipy.stats import kstest


def test_noise_is_gaussian_with_its_deviation(make, seeded):
    noisy = make(GaussianNoise, std=0.2)(torch.zeros(100, 1, 20, 20), seeded())
    assert kstest(noisy.flatten(), "norm", args=(0, 0.2)).pvalue > 0.01
