"""Jigsaw: tiles, permutations, and the term on a classifier whose answer is known."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from gedi_nesy_plugins.methods.jigsaw import Jigsaw, distant_permutations, tiles

from gedi_nesy import ConfigError
from gedi_nesy.testing import make_batch, make_method

SMALL = {"grid": 2, "permutations": 6, "hidden": (8,)}


def test_tiles_are_the_parts_of_the_image_row_by_row():
    corners = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).repeat_interleave(4, 0).repeat_interleave(4, 1)
    cut = tiles(corners.expand(3, 1, 8, 8), 2)
    assert cut.shape == (3, 4, 1, 8, 8)
    for place in range(4):
        torch.testing.assert_close(cut[0, place], torch.full((1, 8, 8), place + 1.0))


def test_a_tile_keeps_its_picture():
    images = make_batch().images[0]
    enlarged = torch.nn.functional.interpolate(images[:, :, 4:, :4], size=(8, 8), mode="bilinear")
    torch.testing.assert_close(tiles(images, 2)[:, 2], enlarged)


def test_rows_and_columns_that_fill_no_tile_are_left_out():
    images = torch.randn(2, 3, 8, 10)
    cut = tiles(images, 3)
    assert cut.shape == (2, 9, 3, 8, 10)
    last = torch.nn.functional.interpolate(images[..., 4:6, 6:9], size=(8, 10), mode="bilinear")
    torch.testing.assert_close(cut[:, 8], last)


def distances(orders):
    return [int((a != b).sum()) for a, b in combinations(orders, 2)]


def test_permutations_are_different_and_far_apart():
    orders = distant_permutations(9, 30)
    assert orders.shape == (30, 9) and all(sorted(order) == list(range(9)) for order in orders.tolist())
    # Two random permutations of nine agree in one place on average; 30 random ones have a pair that agrees in more.
    assert min(distances(orders)) >= 7
    assert min(distances(distant_permutations(4, 24))) == 2  # all of them: neighbours differ in one swap
    assert min(distances(distant_permutations(4, 4))) == 4  # four that differ everywhere exist


def test_the_set_of_permutations_is_the_same_for_every_run():
    assert torch.equal(make_method(Jigsaw, seed=0, **SMALL).orders, make_method(Jigsaw, seed=1, **SMALL).orders)


def test_the_term_classifies_the_features_in_shuffled_order():
    method, batch = make_method(Jigsaw, **SMALL), make_batch()
    label = torch.randint(6, (6,), generator=torch.Generator().manual_seed(3))
    method.generator.manual_seed(3)
    rows = []
    for image, chosen in zip(batch.images[0], label, strict=True):
        features = method.backbone(tiles(image[None], 2)[0])
        rows.append(torch.cat([features[place] for place in method.orders[chosen].tolist()]))
    log_probs = method.classifier(torch.stack(rows)).log_softmax(dim=1)
    literal = -sum(log_probs[i, label[i]] for i in range(6)) / 6
    torch.testing.assert_close(method.losses(batch, frozenset({"permutation"})).terms["permutation"], literal)


def test_what_cannot_be_cut_or_told_apart_is_refused():
    with pytest.raises(ConfigError, match=r"method.grid is 4: images of 3 by 8 have no pixels for so many tiles"):
        make_method(Jigsaw, shape=(1, 3, 8), grid=4, permutations=6)
    with pytest.raises(ValueError, match="permutations is 25, and 4 tiles have 24"):
        Jigsaw.Options(grid=2, permutations=25)
