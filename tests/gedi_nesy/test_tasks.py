"""How a step is shared out."""

from __future__ import annotations

import pytest
import torch

from gedi_nesy import ConfigError, Examples, Selection


def examples(slots):
    count = len(slots)
    return Examples(torch.tensor(slots), torch.arange(count), torch.zeros(count, dtype=torch.long))


def test_parts_follow_each_other_and_have_their_own_images():
    whole = Selection(torch.tensor([7, 3, 9, 4, 8, 1]), examples([[0, -1], [1, 2], [3, 4], [5, -1]]))
    first, second = whole.part(0, 2), whole.part(1, 2)
    assert first.images.tolist() == [7, 3, 9] and first.examples.slots.tolist() == [[0, -1], [1, 2]]
    assert second.images.tolist() == [4, 8, 1] and second.examples.slots.tolist() == [[0, 1], [2, -1]]
    assert second.examples.answer.tolist() == [2, 3]


def test_images_that_examples_share_stay_shared():
    part = Selection(torch.tensor([7, 3, 9]), examples([[0, 1], [0, 2]])).part(1, 2)
    assert part.images.tolist() == [7, 9] and part.examples.slots.tolist() == [[0, 1]]


def test_a_mean_over_unequal_parts_weighs_them_by_their_images():
    values = torch.tensor([1.0, 2.0, 3.0, 10.0])
    whole = Selection(torch.arange(4), examples([[0, 1, 2], [3, -1, -1]]))
    parts = [whole.part(number, 2) for number in (0, 1)]
    means = [part.balance({"term": values[part.images].mean()})["term"] for part in parts]
    assert torch.stack(means).mean() == values.mean()


def test_without_examples_images_are_shared_out():
    assert Selection(torch.arange(6)).part(2, 3).images.tolist() == [4, 5]


def test_what_cannot_be_cut_evenly_is_refused():
    with pytest.raises(ConfigError, match="a step of 4 examples cannot be cut into 3 equal parts") as error:
        Selection(torch.arange(4), examples([[0], [1], [2], [3]])).part(0, 3)
    assert error.value.key == "training.batch_size"
