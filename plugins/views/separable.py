"""Linear maps of rows and of columns: what a crop that is brought to a size and a blur have in common.

Both are a matrix product from either side, rows @ image @ columns^T, with matrices of each image's own. On a CPU that takes a
third of the time of `grid_sample` at 32 by 32 pixels and 1.6 times its time at 96 by 96 and above.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def map_rows_and_columns(
    images: Float[Tensor, "batch channels height width"],
    rows: Float[Tensor, "batch new_height height"],
    columns: Float[Tensor, "batch new_width width"],
) -> Float[Tensor, "batch channels new_height new_width"]:
    """Every channel of every image, multiplied by the image's two matrices."""
    batch, channels, height, width = images.shape
    mapped = images.reshape(batch, channels * height, width) @ columns.transpose(1, 2)
    return rows[:, None] @ mapped.view(batch, channels, height, columns.shape[1])


def interpolation(
    start: Float[Tensor, " batch"], length: Float[Tensor, " batch"], size: int, new_size: int
) -> Float[Tensor, "batch new_size size"]:
    """Matrices that bring the pixels from `start` to `start + length` of an axis to a new size.

    Linear, with a filter as wide as the pixels it merges when the size shrinks: torchvision's antialiased "bilinear", which
    is PIL's. Nothing outside the window has a part in it.
    """
    start, length = start[:, None, None], length[:, None, None]
    scale = length / new_size
    center = start + scale * (torch.arange(new_size, device=start.device) + 0.5)[:, None]
    pixel = torch.arange(size, device=start.device)
    distance = (pixel + 0.5 - center).abs_()
    weights = distance.div_(scale.clamp_min(1.0)).neg_().add_(1.0).clamp_min_(0.0)
    weights *= (pixel >= start) & (pixel < start + length)
    return weights.div_(weights.sum(dim=2, keepdim=True))


def gaussian_blur(sigma: Float[Tensor, " batch"], size: int, taps: int) -> Float[Tensor, "batch size size"]:
    """Matrices that replace each pixel of an axis by a weighted mean of its `taps` neighbours; borders reflect."""
    offsets = torch.arange(taps, device=sigma.device) - taps // 2
    kernels = (-0.5 * (offsets / sigma[:, None]).square()).softmax(dim=1)
    source = (offsets[:, None] + torch.arange(size, device=sigma.device)).abs()
    source = torch.minimum(source, 2 * (size - 1) - source)
    return (kernels @ functional.one_hot(source, size).flatten(1).float()).view(-1, size, size)
