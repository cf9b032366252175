"""Style is found in embeddings that keep it and not in those that know the class alone."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.evaluators.style_probes import StyleProbes
from torch import nn

from gedi_nesy import ConfigError, ImageDataset
from gedi_nesy.data.dataset import Images

QUICK = {"epochs": 30, "batch_size": 20}


class Bars:
    """Upright (0) and lying (1) bars of random thickness and length, in the middle of the image."""

    def __init__(self, count=120, shape=(1, 12, 12)):
        self.dataset = ImageDataset(self.images(count, 0, shape), self.images(count, 1, shape), ("up", "flat"))

    @staticmethod
    def images(count, seed, shape):
        chance = torch.Generator().manual_seed(seed)
        labels = torch.arange(count) % 2
        pixels = torch.zeros(count, *shape, dtype=torch.uint8)
        for image, label in zip(pixels, labels, strict=True):
            thick, long = (int(torch.randint(low, 6, (), generator=chance)) for low in (1, 3))
            bar = image[:, 6 - long : 6 + long, 6 - (thick + 1) // 2 : 6 + thick // 2]
            bar.fill_(255)
            if label:
                image.copy_(image.transpose(1, 2).clone())
        return Images(pixels, labels)


class Pixels(nn.Module):
    def embed(self, images):
        return images.flatten(1)


class ClassAlone(nn.Module):
    """One feature: whether the bar stands."""

    def embed(self, images):
        return (images.sum(dim=2).var(dim=2) > images.sum(dim=3).var(dim=2)).float()


def evaluate(method, task, **options):
    evaluator = StyleProbes(StyleProbes.Options(**(QUICK | options)))
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


def test_pixels_tell_style_and_the_class_alone_tells_the_class():
    task = Bars()
    pixels, classes = (evaluate(kind(), task).numbers for kind in (Pixels, ClassAlone))
    assert pixels["class_mlp"] == classes["class_mlp"] == 1.0
    for name in ("thickness", "width", "height"):
        assert pixels[f"{name}_linear_r2"] > 0.8 and pixels[f"{name}_mlp_r2"] > 0.6
    assert classes["thickness_linear_r2"] < 0.3
    assert pixels["orientation_linear_r2"] > 0.8


def test_every_number_is_defined_and_stands_in_the_table():
    found = evaluate(Pixels(), Bars(20), epochs=1)
    assert set(found.numbers) == set(found.definitions)
    row = next(row for row in found.tables["style"] if row["measure"] == "thickness")
    assert row["linear"] == found.numbers["thickness_linear_r2"] and row["mlp"] == found.numbers["thickness_mlp_r2"]
    assert math.isnan(found.numbers["slant_linear_r2"])  # no bar leans


def test_a_constant_embedding_tells_nothing():
    class Constant(nn.Module):
        def embed(self, images):
            return torch.ones(len(images), 3)

    numbers = evaluate(Constant(), Bars(), epochs=2).numbers
    assert numbers["thickness_linear_r2"] <= 0.01 and numbers["class_mlp"] == 0.5


def test_blank_images_are_left_out():
    task = Bars(20)
    task.dataset.train.pixels[:4] = 0
    task.dataset.test.pixels[:2] = 0
    found = evaluate(Pixels(), task, epochs=1)
    assert "16 training images" in found.definitions["class_mlp"]
    assert "over 18 test images" in found.definitions["width_linear_r2"]


def test_colour_images_are_an_error_before_training():
    with pytest.raises(ConfigError, match=r"these have 3 channels\. Where the data set says"):
        evaluate(Pixels(), Bars(4, (3, 12, 12)))
