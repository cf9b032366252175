"""Overrides that put images made on the fly in the place of a config's data set."""

from __future__ import annotations

from pathlib import Path

_PLUGIN = f"plugins=[{Path(__file__).parent.parent / 'tiny_plugin.py'}]"
# 600 grey bars of 8x8 pixels, and 16 colour images of 32x32: two steps an epoch each.
# The rates of CIFAR-10's configs are for hundreds of images a step, after a warm-up.
BARS = [_PLUGIN, "data={name: bars}", "training.batch_size=300"]
COLOURS = [_PLUGIN, "data={name: colours}", "training.batch_size=8", "training.learning_rate=1e-3"]
