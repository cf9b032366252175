"""Proposition 11, theorem 15 and table 1 of GEDI where everything can be computed: a table of logits over six points.

The data are the points 0 to 3, uniformly; 4 and 5 never occur. A view of a point is its neighbour: 0 and 1 belong together, and 2
and 3. All points are summed over, so that the model's normaliser is exact and L_GEN is the cross-entropy CE(p, p_model) itself.
"""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.methods.gedi import Gedi

from gedi_nesy.losses import cross_entropy, log_batch_mean
from gedi_nesy.testing import make_method

DATA = torch.arange(4)
NEIGHBOUR = torch.tensor([1, 0, 3, 2])
LOW, HIGH = -40.0, 40.0
MINIMA = {"gen": math.log(4), "inv": 0.0, "prior": math.log(2)}


def losses(logits, view_logits=None):
    """The three terms; `view_logits` are those that views are classified by, where an adversary has changed the others."""
    log_probs = logits[DATA].log_softmax(dim=1)
    views = (logits if view_logits is None else view_logits)[DATA][NEIGHBOUR].log_softmax(dim=1)
    log_model = logits.logsumexp(dim=1).log_softmax(dim=0)
    return {
        "gen": -log_model[DATA].mean(),
        "inv": cross_entropy(views, log_probs),
        "prior": -log_batch_mean(log_probs).mean(),
    }


def reached(logits, view_logits=None):
    """Which terms are at their minima."""
    found = losses(logits, view_logits)
    assert all(float(found[name]) > low - 1e-5 for name, low in MINIMA.items()), "a minimum was undercut"
    return {name for name, low in MINIMA.items() if float(found[name]) < low + 1e-4}


def solution():
    """0 and 1 in one class, 2 and 3 in the other, nothing anywhere else."""
    logits = torch.full((6, 2), LOW)
    logits[[0, 1], 0] = logits[[2, 3], 1] = HIGH
    return logits


def test_the_right_clustering_reaches_all_three_minima_at_once():
    assert reached(solution()) == {"gen", "inv", "prior"}


def test_representation_collapse_is_excluded_by_gen_alone():
    confident, uncertain = torch.tensor([[HIGH, LOW]]).expand(6, 2), torch.zeros(6, 2)
    assert reached(confident) == {"inv"}
    assert reached(uncertain) == {"prior"}


def test_cluster_collapse_is_excluded_by_prior_alone():
    logits = torch.full((6, 2), 2 * LOW)
    logits[:4, 0] = HIGH
    logits[4:, 0] = LOW
    assert reached(logits) == {"gen", "inv"}


def test_label_inconsistency_is_excluded_by_inv_alone():
    permuted = solution()[[2, 1, 0, 3, 4, 5]]
    assert reached(permuted, view_logits=solution()) == {"gen", "prior"}
    for name in ("gen", "prior"):
        torch.testing.assert_close(losses(permuted)[name], losses(solution())[name])


def test_permuting_the_predictions_never_changes_gen_and_prior():
    logits = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    for seed in range(5):
        order = torch.cat([torch.randperm(4, generator=torch.Generator().manual_seed(seed)), torch.tensor([4, 5])])
        for name in ("gen", "prior"):
            torch.testing.assert_close(losses(logits[order])[name], losses(logits)[name])


def descend(names, seed):
    """Plain gradient descent on the sum of some terms."""
    logits = (0.1 * torch.randn(6, 2, generator=torch.Generator().manual_seed(seed))).requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=0.2)
    for _ in range(200):
        optimizer.zero_grad()
        torch.stack([losses(logits)[name] for name in names]).sum().backward()
        optimizer.step()
    return logits.detach()


@pytest.mark.parametrize("seed", range(2))
def test_descent_on_all_three_finds_the_classes(seed):
    logits = descend(["gen", "inv", "prior"], seed)
    found = losses(logits)
    assert all(float(found[name]) < low + 0.02 for name, low in MINIMA.items())
    classes = logits[DATA].argmax(dim=1).tolist()
    assert classes in ([0, 0, 1, 1], [1, 1, 0, 0])


@pytest.mark.parametrize("left_out", ["inv", "prior"])
def test_descent_without_a_term_leaves_that_term_above_its_minimum(left_out):
    """Not from every start: what a loss admits it need not run into; gen comes out well by itself, as in the paper's table 2."""
    ends = [losses(descend([name for name in MINIMA if name != left_out], seed))[left_out] for seed in range(4)]
    assert max(map(float, ends)) > MINIMA[left_out] + 0.1


def test_the_method_states_these_minima():
    known = {name: term.known_minimum for name, term in make_method(Gedi, {"inv", "prior"}).terms().items()}
    assert known == {"inv": MINIMA["inv"], "prior": pytest.approx(math.log(4))}, "four classes in the test method"
