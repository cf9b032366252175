"""Which images count, how they are split, and how features are scaled."""

from __future__ import annotations

import pytest
import torch
from sklearn.preprocessing import StandardScaler

from gedi_nesy import ConfigError, DataError
from gedi_nesy.data.dataset import ImageDataset, Images
from gedi_nesy.evaluation.features import (
    Labelled,
    accuracy,
    few_of_each_class,
    hold_out,
    labelled,
    need_labels,
    standardiser,
)


def images(labels):
    pixels = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1)
    return Images(pixels, torch.tensor(labels))


class Pixel:
    """Embeds an image as its pixel."""

    def embed(self, images):
        return images.flatten(start_dim=1)


def test_images_whose_class_is_not_known_are_left_out():
    data = labelled(Pixel(), images([3, -1, 0]))
    assert data.labels.tolist() == [3, 0]
    assert torch.equal(data.features[:, 0], torch.tensor([0.0, 2.0]) / 127.5 - 1)


@pytest.mark.parametrize("train, test, missing", [([-1], [1], "training"), ([1], [-1], "test")])
def test_a_split_without_classes_is_named(train, test, missing):
    dataset = ImageDataset(images(train), images(test), ("a", "b"))
    with pytest.raises(ConfigError, match=f"knn needs classes of {missing} images") as error:
        need_labels(dataset, "the evaluator knn")
    assert error.value.key == "evaluators"
    need_labels(ImageDataset(images([1]), images([-1, 0]), ("a", "b")), "the evaluator knn")


@pytest.mark.parametrize("count, share, held", [(100, 0.1, 10), (3, 0.1, 1), (2, 0.99, 1)])
def test_a_held_out_part_takes_its_images_from_the_rest(count, share, held):
    data = Labelled(torch.arange(count).float()[:, None], torch.arange(count))
    rest, held_out = hold_out(data, share, torch.Generator().manual_seed(0))
    assert (len(rest), len(held_out)) == (count - held, held)
    assert sorted([*rest.labels.tolist(), *held_out.labels.tolist()]) == list(range(count))
    assert torch.equal(held_out.features[:, 0].long(), held_out.labels)


def test_the_held_out_part_is_random_and_repeatable():
    data = Labelled(torch.zeros(50, 1), torch.arange(50))
    first, again, other = (
        hold_out(data, 0.2, torch.Generator().manual_seed(seed))[1].labels.tolist() for seed in (0, 0, 1)
    )
    assert first == again != other


def test_one_image_cannot_be_split():
    with pytest.raises(DataError, match="1 training image with a known class"):
        hold_out(Labelled(torch.zeros(1, 2), torch.zeros(1).long()), 0.1, torch.Generator())


def test_features_are_scaled_by_the_training_images_as_scikit_learn_does():
    generator = torch.Generator().manual_seed(0)
    train = Labelled(torch.randn(40, 3, generator=generator) * 4 + 2, torch.zeros(40).long())
    test = Labelled(torch.randn(9, 3, generator=generator), torch.zeros(9).long())
    scaler = StandardScaler().fit(train.features)
    for ours, data in ((standardiser(train)(data), data) for data in (train, test)):
        assert torch.allclose(ours.features, torch.from_numpy(scaler.transform(data.features)).float(), atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, -3e4])
def test_a_constant_feature_becomes_zero(value):
    train = Labelled(torch.full((1001, 1), value), torch.zeros(1001).long())
    test = Labelled(torch.tensor([[5.0]]), torch.zeros(1).long())
    assert all((data.features == 0).all() for data in map(standardiser(train), (train, test)))


def test_batches_keep_the_order_and_end_with_what_is_left():
    data = Labelled(torch.arange(5.0)[:, None], torch.arange(5))
    assert [labels.tolist() for _, labels in data.batches(2)] == [[0, 1], [2, 3], [4]]
    assert all(torch.equal(features[:, 0].long(), labels) for features, labels in data.batches(2))


def test_accuracy_counts_what_is_right():
    assert accuracy(torch.tensor([1, 2, 3]), torch.tensor([1, 0, 3])) == pytest.approx(2 / 3)


@pytest.mark.parametrize("share, counts", [(0.1, [1, 2, 1]), (0.5, [5, 10, 1]), (1.0, [10, 20, 1])])
def test_a_few_of_each_class_are_a_share_of_each(share, counts):
    labels = torch.tensor([0] * 10 + [1] * 20 + [2])
    rows = few_of_each_class(labels, share, torch.Generator().manual_seed(0))
    assert torch.bincount(labels[rows]).tolist() == counts and len(set(rows.tolist())) == len(rows)


def test_which_few_of_a_class_is_left_to_chance():
    rows = [
        int(few_of_each_class(torch.zeros(10, dtype=torch.long), 0.1, torch.Generator().manual_seed(seed)))
        for seed in range(20)
    ]
    assert len(set(rows)) > 5


def test_images_whose_class_is_not_known_are_no_class_of_their_own():
    rows = few_of_each_class(torch.tensor([-1, 0, -1, 1, -1]), 0.1, torch.Generator().manual_seed(0))
    assert rows.tolist() == [1, 3]
