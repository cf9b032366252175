"""DeepCluster's pseudo-labels, and spherical k-means against a literal version and known clusters."""

from __future__ import annotations

import math

import torch
from gedi_nesy_plugins.methods.deepcluster import DeepCluster, spherical_kmeans
from torch.nn import functional

from gedi_nesy.methods import capabilities
from gedi_nesy.testing import make_batch, make_method

ALL = frozenset({"pseudo_label"})


def unit(x):
    return functional.normalize(x, dim=1)


@torch.no_grad()
def test_the_term_is_the_cross_entropy_with_the_other_views_nearest_centroid():
    method, batch = make_method(DeepCluster, projector=(8, 4), memory=12), make_batch()
    with torch.no_grad():
        method.projector[0].weight.add_(0.3 * torch.randn(8, 5, generator=torch.Generator().manual_seed(0)))
    views = [unit(method.projector(method.backbone(view))) @ method.centroids.T / 0.1 for view in batch.images]
    # The network has moved on since the last clustering; labels are those of the network as it was.
    labels = [(unit(method.labeller(view)) @ method.centroids.T).argmax(dim=1) for view in batch.images]
    assert not torch.equal(labels[0], views[0].argmax(dim=1))
    total = 0.0
    for i in (0, 1):
        for image in range(6):
            probabilities = views[1 - i][image].softmax(dim=0)
            total -= math.log(float(probabilities[labels[i][image]]))
    torch.testing.assert_close(method.losses(batch, ALL).terms["pseudo_label"], torch.tensor(total / 12))


def test_k_means_finds_directions_that_rows_gather_around():
    generator = torch.Generator().manual_seed(0)
    true = torch.eye(3)
    rows = unit(true.repeat_interleave(20, dim=0) + 0.1 * torch.randn(60, 3, generator=generator))
    start = unit(torch.randn(3, 3, generator=generator))
    centroids = spherical_kmeans(rows, start, 20)
    nearest = (centroids @ true.T).max(dim=0)
    assert nearest.values.min() > 0.99 and sorted(nearest.indices.tolist()) == [0, 1, 2]


def test_a_round_of_k_means_is_the_mean_of_the_nearest_rows():
    generator = torch.Generator().manual_seed(1)
    rows, start = unit(torch.randn(9, 3, generator=generator)), unit(torch.randn(2, 3, generator=generator))
    members = [[], []]
    for row in rows:
        members[int(row @ start[1] > row @ start[0])].append(row)
    literal = unit(torch.stack([torch.stack(group).mean(dim=0) for group in members]))
    torch.testing.assert_close(spherical_kmeans(rows, start, 1), literal)


def test_an_empty_cluster_takes_the_row_that_fits_worst():
    rows = unit(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.6, 0.8]]))
    start = unit(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    torch.testing.assert_close(spherical_kmeans(rows, start, 1)[1], rows[2])


def test_clusters_are_found_anew_when_the_whole_memory_is_new():
    method, batch = make_method(DeepCluster, projector=(8, 4), memory=12), make_batch()
    start = method.centroids.clone()
    method.losses(batch, ALL)
    method.updated()
    assert torch.equal(method.centroids, start)
    method.losses(batch, ALL)
    method.updated()
    torch.testing.assert_close(method.centroids, spherical_kmeans(method.memory.rows, start, 10))
    assert not torch.equal(method.centroids, start)


def test_embeddings_of_the_first_view_join_the_memory_standardised_over_the_batch():
    method, batch = make_method(DeepCluster, projector=(8, 4), memory=12), make_batch()
    output = method.projector(method.backbone(batch.images[0])).detach()
    torch.testing.assert_close(output.mean(dim=0), torch.zeros(4), rtol=0, atol=1e-5)
    before = method.memory.rows.clone()
    method.losses(batch, ALL)
    assert torch.equal(method.memory.rows, before) and not method.new_rows.requires_grad
    method.updated()
    torch.testing.assert_close(method.memory.rows[:6], unit(output))
    assert torch.equal(method.memory.rows[6:], before[6:])


def test_the_network_that_labels_is_renewed_with_the_clusters():
    method, batch = make_method(DeepCluster, projector=(8, 4), memory=12), make_batch()
    with torch.no_grad():
        method.projector[0].weight.add_(1.0)
    for renewed in (False, True):
        method.losses(batch, ALL)
        method.updated()
        assert torch.equal(method.labeller.parts[1][0].weight, method.projector[0].weight) is renewed


def test_class_probabilities_are_the_softmax_of_the_cosines_over_tau():
    method, images = make_method(DeepCluster, projector=(8, 4), memory=12, temperature=0.3), make_batch().images
    expected = (unit(method.projector(method.backbone(images[0]))) @ method.centroids.T / 0.3).log_softmax(dim=1)
    torch.testing.assert_close(method.class_log_probs(images[0]), expected)
    torch.testing.assert_close(method.losses(make_batch(), ALL).class_log_probs, expected)


def test_class_probabilities_need_as_many_clusters_as_classes():
    assert capabilities(make_method(DeepCluster, projector=(8, 4), memory=12)) == ["class_log_probs", "embed", "logits"]
    assert capabilities(make_method(DeepCluster, projector=(8, 4), memory=12, clusters=9)) == ["embed", "logits"]
