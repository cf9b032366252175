"""How a bright stroke on a dark ground is drawn: its slant, orientation, thickness and size, measured from grey values alone.

For a pixel of brightness w(x, y) in [0, 1] with x to the right and y downwards, mass is the sum of w and the second moments
    mu_xx, mu_yy, mu_xy
are the variances and the covariance of x and y with w as weights, of the pixels' areas and not of their centres (hence the twelfth).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

CHUNK = 2000
PIXEL_VARIANCE = 1 / 12
ATTRIBUTES: dict[str, str] = {
    "slant": "angle by which lines lean to the right, in degrees: atan(-mu_xy / mu_yy), the shear that deskewing takes away",
    "orientation": "direction of the longest axis, as cosine and sine of twice its angle: an axis has no front end",
    # The ends of a stroke are part of its outline: a short one measures length / (length + thickness) of its true thickness.
    "thickness": "thickness of the stroke in pixels: twice its area over its outline, mass over half the total variation",
    "width": "width in pixels: sqrt(12 mu_xx), that of a bar of the same spread",
    "height": "height in pixels: sqrt(12 mu_yy)",
}


def measure_strokes(pixels: UInt8[Tensor, "images 1 height width"]) -> dict[str, Float[Tensor, "images parts"]]:
    """Each of `ATTRIBUTES` for each image, as a column or two; not a number for an image without a bright pixel."""
    chunks = [_measure(chunk[:, 0].float() / 255) for chunk in torch.split(pixels, CHUNK)]
    return {name: torch.cat([chunk[name] for chunk in chunks]) for name in ATTRIBUTES}


def _measure(brightness: Float[Tensor, "images height width"]) -> dict[str, Float[Tensor, "images parts"]]:
    height, width = brightness.shape[1:]
    mass = brightness.sum(dim=(1, 2))
    shares = brightness / mass[:, None, None]
    x, y = (torch.arange(size, device=brightness.device, dtype=torch.float32) for size in (width, height))
    across, down = shares.sum(dim=1), shares.sum(dim=2)
    x = x - (across @ x)[:, None]
    y = y - (down @ y)[:, None]
    mu_xx = (across * x.square()).sum(dim=1) + PIXEL_VARIANCE
    mu_yy = (down * y.square()).sum(dim=1) + PIXEL_VARIANCE
    mu_xy = torch.einsum("nyx,nx,ny->n", shares, x, y)
    axis = torch.atan2(2 * mu_xy, mu_xx - mu_yy)  # twice the angle of the longest axis
    found = {
        "slant": torch.atan2(-mu_xy, mu_yy) * (180 / math.pi),
        "orientation": torch.stack([axis.cos(), axis.sin()], dim=1),
        "thickness": 2 * mass / _total_variation(brightness),
        "width": (12 * mu_xx).sqrt(),
        "height": (12 * mu_yy).sqrt(),
    }
    return {name: values if values.ndim == 2 else values[:, None] for name, values in found.items()}


def _total_variation(brightness: Float[Tensor, "images height width"]) -> Float[Tensor, " images"]:
    """The length of the gradient summed over the corners between four pixels: the length of the outlines of a bright area."""
    padded = torch.nn.functional.pad(brightness, (1, 1, 1, 1))
    along_x, along_y = padded.diff(dim=2), padded.diff(dim=1)
    gradient_x = (along_x[:, 1:] + along_x[:, :-1]) / 2
    gradient_y = (along_y[:, :, 1:] + along_y[:, :, :-1]) / 2
    return torch.hypot(gradient_x, gradient_y).sum(dim=(1, 2))
