"""Sampling from unnormalised densities; no knowledge of methods or data."""
