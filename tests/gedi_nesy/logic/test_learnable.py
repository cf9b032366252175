"""Learnable probabilities are distributions that keep what is fixed, shared by name."""

from __future__ import annotations

import pytest
import torch

from gedi_nesy.logic.formula import Learnable
from gedi_nesy.logic.learnable import LearnableProbabilities

COIN = Learnable("coin", (0.3, 0.7), (False, False))
DIE = Learnable("die", (0.2, 0.5, 0.3), (True, False, False))


@pytest.fixture
def learnable():
    """The parameters of a coin and a die, moved away from their start."""
    made = LearnableProbabilities()
    for source in (COIN, DIE, COIN):
        made.add(source)
    with torch.no_grad():
        for logits in made.parameters():
            logits.copy_(torch.tensor([1.0, -1.0]))
    return made


def test_free_classes_share_by_softmax_what_fixed_ones_leave(learnable):
    high, low = torch.tensor([1.0, -1.0]).softmax(0).tolist()
    assert learnable.learned() == {
        "coin": pytest.approx([high, low]),
        "die": pytest.approx([0.2, 0.8 * high, 0.8 * low]),
    }


def test_a_source_that_is_added_again_has_the_parameters_it_had(learnable):
    assert len(list(learnable.parameters())) == 2


def test_a_reset_goes_back_to_the_starts_of_the_program(learnable):
    learnable.reset_parameters()
    assert learnable.learned() == {"coin": pytest.approx([0.3, 0.7]), "die": pytest.approx([0.2, 0.5, 0.3])}
