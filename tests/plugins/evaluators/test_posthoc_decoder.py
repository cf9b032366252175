"""A decoder on frozen embeddings: it learns what they keep, and stops by held-out training images."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.evaluators.posthoc_decoder import PosthocDecoder
from torch import nn

from gedi_nesy import ConfigError, DataError
from gedi_nesy.evaluation.posthoc_decoder import DecoderTraining, train_decoder

QUICK = {"epochs": 60, "batch_size": 20, "learning_rate": 0.01}


def evaluate(method, task, **options):
    evaluator = PosthocDecoder(PosthocDecoder.Options(**(QUICK | options)))
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


@pytest.fixture
def many(labelled_task):
    return labelled_task(torch.arange(200) % 4, torch.arange(40) % 4)


def test_embeddings_that_keep_the_image_give_it_back_and_constant_ones_its_mean(flat, many):
    kept, lost = (evaluate(flat(factor), many).numbers for factor in (1e-3, 0.0))
    pixels = [images.pixels.double().flatten(1) / 255 for images in (many.dataset.train, many.dataset.test)]
    guess = (pixels[1] - pixels[0].mean(dim=0)).square().sum(dim=1).mean() / 2
    assert kept["mean_image_error"] == lost["mean_image_error"] == pytest.approx(float(guess), rel=1e-4)
    assert kept["posthoc_reconstruction_error"] < 0.2 * float(guess)
    assert lost["posthoc_reconstruction_error"] == pytest.approx(float(guess), rel=0.1)
    assert kept["posthoc_mean_squared_error"] == pytest.approx(kept["posthoc_reconstruction_error"] / 2)


def test_images_stand_beside_their_reconstructions(flat, many):
    found = evaluate(flat(), many, shown=3, epochs=2)
    grid = found.images["test"]
    assert grid.columns == 3 and grid.rows == ("original", "reconstruction") and len(grid.pixels) == 6
    assert set(found.numbers) == set(found.definitions)
    assert "best of its epochs on held-out training images" in found.definitions["posthoc_reconstruction_error"]


def test_a_decoder_that_diverges_is_not_a_number_and_says_why(flat, forty):
    found = evaluate(flat(), forty, learning_rate=3e37)
    assert math.isnan(found.numbers["posthoc_reconstruction_error"]) and found.images == {}
    assert found.numbers["mean_image_error"] > 0
    assert "decoder diverged: set a smaller learning_rate" in found.definitions["posthoc_reconstruction_error"]


def test_the_backbone_s_own_mirror_is_the_decoder(flat, forty):
    class Mirrored(nn.Module):
        def decoder(self, num_latents):
            self.asked = num_latents
            return nn.Sequential(nn.Linear(num_latents, 4), nn.Unflatten(1, (1, 2, 2)))

    method = flat()
    method.backbone = Mirrored()
    evaluate(method, forty, epochs=1)
    assert method.backbone.asked == 4


def test_the_best_epoch_on_the_held_out_part_counts_and_a_worse_one_stops():
    """Targets that cannot be learned from the features: the held-out error soon rises."""
    chance = torch.Generator().manual_seed(0)
    features = torch.randn(40, 30, generator=chance)
    pixels = torch.randint(0, 256, (40, 1, 2, 2), generator=chance, dtype=torch.uint8)
    training = DecoderTraining(learning_rate=0.05, epochs=500, batch_size=10, patience=3)

    def build():
        return nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 4), nn.Unflatten(1, (1, 2, 2)))

    stopped, shorter = (
        train_decoder(build, features, pixels, chosen, torch.Generator().manual_seed(1))
        for chosen in (training, training.model_copy(update={"epochs": 10}))
    )
    assert 0 < stopped.epochs == shorter.epochs < 10
    assert torch.equal(stopped.decode(features), shorter.decode(features))


def test_what_cannot_be_trained_on_says_so(flat, labelled_task):
    with pytest.raises(ConfigError, match="posthoc_decoder needs at least 2 training images, and there is 1"):
        evaluate(flat(), labelled_task([0], [0]))
    with pytest.raises(DataError, match="1 training image cannot train a decoder"):
        train_decoder(lambda: None, torch.zeros(1, 2), torch.zeros(1), DecoderTraining(), torch.Generator())
