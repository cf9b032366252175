"""Every backbone gets a decoder that ends at the images' shape."""

from __future__ import annotations

import pytest
import torch

from gedi_nesy.models.decoders import ConvDecoder, halved, make_decoder
from gedi_nesy.testing import SHAPE, TinyBackbone


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 9, 17), (1, 1, 2), (1, 4, 4)])
def test_the_plain_decoder_ends_at_the_images_shape(shape):
    outputs = ConvDecoder(5, shape, width=3)(torch.randn(2, 5))
    assert outputs.shape == (2, *shape)


def test_the_plain_decoder_doubles_from_four_pixels_and_rectifies_all_but_the_outputs():
    decoder, latents = ConvDecoder(5, (3, 8, 15), width=2), torch.randn(2, 5)
    first, *convolutions, last = [layer for layer in decoder.layers if hasattr(layer, "weight")]
    hidden = first(latents).relu().view(2, 2, 2, 4)
    for size, convolution in zip([(4, 8), (8, 15)], convolutions, strict=True):
        hidden = convolution(torch.nn.functional.interpolate(hidden, size, mode="nearest")).relu()
    torch.testing.assert_close(decoder(latents), last(hidden))


def test_each_latent_moves_the_outputs():
    latents = torch.randn(2, 5, requires_grad=True)
    ConvDecoder(5, (1, 28, 28))(latents).square().sum().backward()
    assert (latents.grad != 0).all()


def test_a_backbone_with_a_mirror_brings_its_own_and_another_gets_the_plain_one():
    class Mirrored(TinyBackbone):
        def decoder(self, num_latents):
            return torch.nn.Linear(num_latents, 7)

    assert make_decoder(Mirrored(), 5, SHAPE).out_features == 7
    assert isinstance(make_decoder(TinyBackbone(), 5, SHAPE), ConvDecoder)


def test_halving_follows_a_convolution_of_stride_2():
    convolution = torch.nn.Conv2d(1, 1, 3, stride=2, padding=1)
    images = torch.zeros(1, 1, 29, 32)
    assert convolution(images).shape[2:] == halved((29, 32)) == (15, 16)
    assert convolution(convolution(images)).shape[2:] == halved((29, 32), 2) == (8, 8)
    assert halved((5, 5), 0) == (5, 5)
