"""Random changes of brightness, contrast, saturation and hue."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gedi_nesy import Options, View
from gedi_nesy.data.views import choose, random_order, transform_chosen, uniform

from .luma import luma

ImageBatch = Float[Tensor, "batch channels height width"]
PerImage = Float[Tensor, " batch 1 1 1"]
Amount = Annotated[float, Field(ge=0, le=1)]

SMALLEST_CHROMA = 1e-12


class ColorJitter(View):
    """Change brightness, contrast, saturation and hue by random amounts in random order, with a given probability.

    As torchvision's ColorJitter, except that the images of a call share the order. Pixels end in [-1, 1]. Images with one
    channel have no saturation and no hue.
    """

    class Options(Options):
        probability: Annotated[float, Field(ge=0, le=1)] = 0.1
        brightness: Amount = 0.4
        """The factor is uniform in 1 +- this; so for contrast and saturation."""
        contrast: Amount = 0.4
        saturation: Amount = 0.4
        hue: Annotated[float, Field(ge=0, le=0.5)] = 0.1
        """The shift is uniform in +- this; 1 is once round the circle of hues."""

    options: Options

    def __call__(self, images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        options, count = self.options, len(images)
        chosen = choose(options.probability, images, generator)
        order = random_order(len(ADJUSTMENTS), generator)
        amounts = [options.brightness, options.contrast, options.saturation, options.hue]
        factors = torch.stack([uniform(-amount, amount, count, images, generator) for amount in amounts], dim=1)

        def jitter(images: ImageBatch, factors: Float[Tensor, "batch adjustments"]) -> ImageBatch:
            unit = images.add(1.0).div_(2.0)
            for index in order:
                if amounts[index]:
                    unit = ADJUSTMENTS[index](unit, factors[:, index, None, None, None])
            return unit.mul_(2.0).sub_(1.0)

        return transform_chosen(jitter, chosen, images, factors)


# The adjustments work on pixels in [0, 1], may overwrite them, and change nothing for an amount of 0.


def adjust_brightness(images: ImageBatch, amount: PerImage) -> ImageBatch:
    """Pixels times 1 + amount."""
    return images.mul_(1 + amount).clamp_(0, 1)


def adjust_contrast(images: ImageBatch, amount: PerImage) -> ImageBatch:
    """Away from the mean luma of the image, or towards it."""
    mean = luma(images).mean(dim=(2, 3), keepdim=True)
    return images.mul_(1 + amount).sub_(amount * mean).clamp_(0, 1)


def adjust_saturation(images: ImageBatch, amount: PerImage) -> ImageBatch:
    """Away from the luma of each pixel, or towards it."""
    if images.shape[1] == 1:
        return images
    gray = luma(images).mul_(amount)
    return images.mul_(1 + amount).sub_(gray).clamp_(0, 1)


def adjust_hue(images: ImageBatch, amount: PerImage) -> ImageBatch:
    """Round the circle of hues, with value and chroma as they are (HSV).

    Channels shifted and scaled to reach from 0 to 1, the hue is 1 + green + blue - red sixths of the circle, with the sign
    of green - blue: no case distinction, which is what costs time on a CPU. Back from a hue, a channel is
    value - chroma * clamp(6 d - 1, 0, 1), with d the hue's distance from the channel's own, 1 once round the circle.
    """
    if images.shape[1] == 1:
        return images
    red, green, blue = images[:, :1], images[:, 1:2], images[:, 2:]
    value = torch.maximum(torch.maximum(red, green), blue)
    least = torch.minimum(torch.minimum(red, green), blue)
    chroma = value - least
    sixths = (green + blue).sub_(red).sub_(least).div_(chroma.clamp_min(SMALLEST_CHROMA)).add_(1.0)
    hue = sixths.copysign_(green - blue).div_(6.0).add_(amount)
    own = torch.arange(3, device=images.device)[:, None, None] / 3
    # The fraction of what is half a circle too much is as far from a half as the hue is from the channel's own.
    distance = (hue - own).add_(0.5).frac_().abs_().sub_(0.5).abs_()
    return torch.addcmul(value, chroma, distance.mul_(6.0).sub_(1.0).clamp_(0, 1), value=-1.0, out=images)


ADJUSTMENTS = (adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue)
