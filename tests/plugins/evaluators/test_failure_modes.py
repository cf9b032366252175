"""The report of failures: distances from minima, what shows where, and what theorem 15 says."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.evaluators.failure_modes import FailureModes
from torch import nn

from gedi_nesy import ConfigError, Term
from gedi_nesy.evaluators import EvaluatorContext

TERMS = {"gen": Term("gen"), "inv": Term("inv", 0.0), "prior": Term("prior", 1.5)}
LAST = {"gen": 0.3, "inv": 0.1, "prior": 2.0}


class Brightest(nn.Module):
    """The class is the brightest pixel; or, collapsed, the first one for images that are not in it."""

    TERMS = dict.fromkeys(TERMS, "")

    def __init__(self, collapsed=False):
        super().__init__()
        self.collapsed = collapsed

    def embed(self, images):
        return images.flatten(1) * (0.0 if self.collapsed else 1.0)

    def class_log_probs(self, images):
        chosen = images.flatten(1) * 100
        if self.collapsed:
            chosen = chosen * 0 + torch.tensor([100.0, 0, 0, 0])
        return chosen.log_softmax(dim=1)


def evaluate(method, task, terms=TERMS, last=LAST):
    task.train_pixels = task.dataset.train.pixels
    evaluator = FailureModes(FailureModes.Options(), EvaluatorContext(terms=terms, last_terms=last))
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


def verdicts(found):
    return {row["failure"]: row for row in found.tables["failure_modes"]}


def test_distances_are_those_of_the_last_epoch_from_the_known_minima(forty):
    numbers = evaluate(Brightest(), forty).numbers
    assert numbers["inv_above_minimum"] == pytest.approx(0.1)
    assert numbers["prior_above_minimum"] == pytest.approx(0.5)
    assert "gen_above_minimum" not in numbers


def test_a_sound_model_has_no_failure_on_either_split(forty):
    found = evaluate(Brightest(), forty)
    assert found.numbers["failures_train"] == found.numbers["failures_test"] == 0
    assert found.numbers["used_classes_test"] == pytest.approx(4, abs=0.2)
    assert found.numbers["disagreement_train"] == 0
    assert set(found.definitions) == set(found.numbers)
    assert all("does not show" in row["verdict"] for row in verdicts(found).values())


def test_a_collapsed_one_has_two_though_the_loss_excludes_them(forty):
    found = evaluate(Brightest(collapsed=True), forty)
    assert found.numbers["failures_train"] == found.numbers["failures_test"] == 2
    rows = verdicts(found)
    assert rows["cluster collapse"]["train"] == "cluster collapse: 1.0 of 4 classes in use"
    assert "prior excludes it at its minimum, which is 0.5 above it" in rows["cluster collapse"]["verdict"]
    assert "gen excludes it at its minimum: training" in rows["representation collapse"]["verdict"]
    assert rows["label inconsistency"]["test"] is None


def test_a_term_that_is_off_admits_its_failure(forty):
    rows = verdicts(evaluate(Brightest(collapsed=True), forty, {"inv": TERMS["inv"]}, {"inv": 0.0}))
    assert rows["cluster collapse"]["verdict"] == "prior is off, so the loss admits it, and it shows"
    assert not rows["cluster collapse"]["term_is_on"] and rows["label inconsistency"]["term_is_on"]


def test_a_term_that_only_bears_the_name_is_not_meant(forty):
    method = Brightest(collapsed=True)
    method.TERMS = {"reconstruction": "", "prior": "of latents"}
    rows = verdicts(evaluate(method, forty, {"prior": Term("of latents", 0.0)}, {"prior": 0.1}))
    assert all("theorem 15 says nothing" in row["verdict"] and not row["term_is_on"] for row in rows.values())


def test_of_other_losses_the_theorem_says_nothing(flat, forty):
    method = flat()
    method.TERMS = {"contrastive": ""}
    found = evaluate(method, forty, {"contrastive": Term("contrastive")}, {"contrastive": 1.0})
    assert set(found.numbers) == {"spread_train", "spread_test", "failures_train", "failures_test"}
    (row,) = found.tables["failure_modes"]
    assert "theorem 15 says nothing" in row["verdict"]


def test_a_method_that_gives_neither_is_named(forty):
    with pytest.raises(ConfigError, match="failure_modes needs embed or class_log_probs; method Identity offers"):
        evaluate(nn.Identity(), forty)
