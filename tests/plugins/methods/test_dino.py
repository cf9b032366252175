"""DINO's distillation against lightly and the listing, its center and its teacher."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.methods.dino import Dino
from torch.nn import functional

from gedi_nesy import Batch, MethodContext
from gedi_nesy.methods import capabilities
from gedi_nesy.testing import NUM_CLASSES, SHAPE, TinyBackbone, make_batch, make_method

ALL = frozenset({"distillation"})


def student_scores(method, images):
    directions = functional.normalize(method.prototypes.directions, dim=1)
    return [functional.normalize(method.projector(method.backbone(view)), dim=1) @ directions.T for view in images]


def with_center(method):
    method.center.copy_(torch.tensor([0.1, -0.2, 0.05, 0.3]))
    return method


def test_the_term_is_algorithm_1():
    method, images = with_center(make_method(Dino, projector=(8, 4))), make_batch().images
    students = [(view / 0.1).softmax(dim=1) for view in student_scores(method, images)]
    teachers = [((method.teacher(view) - method.center) / 0.04).softmax(dim=1) for view in images]
    directions = [-(teachers[i] * students[1 - i].log()).sum(dim=1).mean() for i in (0, 1)]
    term = method.losses(make_batch(), ALL).terms["distillation"]
    torch.testing.assert_close(term, (directions[0] + directions[1]) / 2)


def test_multi_crop_and_the_center_are_lightlys():
    dino_loss = pytest.importorskip("lightly.loss", reason="lightly is not installed").DINOLoss
    images = torch.rand(4, 6, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    context = MethodContext(TinyBackbone(), SHAPE, NUM_CLASSES, ALL, 2, torch.Generator())
    method = Dino(Dino.Options(projector=(8, 4)), context)
    loss = dino_loss(output_dim=NUM_CLASSES, teacher_temp=0.04, warmup_teacher_temp=0.04, center_momentum=0.9)
    batch = Batch(images[:2], small_images=images[2:])
    for _ in range(2):
        students, teachers = student_scores(method, images), [method.teacher(view) for view in images[:2]]
        torch.testing.assert_close(method.losses(batch, ALL).terms["distillation"], loss(teachers, students))
        method.updated()
        torch.testing.assert_close(method.center, loss.center.flatten())


def test_the_teacher_sees_the_first_views_only():
    images = torch.rand(3, 6, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    context = MethodContext(TinyBackbone(), SHAPE, NUM_CLASSES, ALL, 3, torch.Generator())
    method = with_center(Dino(Dino.Options(projector=(8, 4)), context))
    students = [(view / 0.1).log_softmax(dim=1) for view in student_scores(method, images)]
    teachers = [((method.teacher(view) - method.center) / 0.04).softmax(dim=1) for view in images[:2]]
    pairs = [(i, j) for i in (0, 1) for j in (0, 1, 2) if i != j]
    literal = sum(-(teachers[i] * students[j]).sum(dim=1).mean() for i, j in pairs) / 4
    torch.testing.assert_close(method.losses(Batch(images), ALL).terms["distillation"], literal)


def test_center_and_teacher_move_after_the_step():
    method, batch = make_method(Dino, projector=(8, 4), momentum=0.5, center_momentum=0.75), make_batch()
    outputs = torch.cat([method.teacher(view) for view in batch.images])
    weight = method.teacher.parts[2].directions.clone()
    with torch.no_grad():
        method.prototypes.directions.add_(1.0)
    method.losses(batch, ALL)
    assert not method.center.any()
    method.updated()
    torch.testing.assert_close(method.center, 0.25 * outputs.mean(dim=0))
    torch.testing.assert_close(method.teacher.parts[2].directions, weight + 0.5)


def test_class_probabilities_are_the_students_and_need_as_many_outputs_as_classes():
    method, images = make_method(Dino, projector=(8, 4)).eval(), make_batch().images
    expected = (student_scores(method, images)[0] / 0.1).log_softmax(dim=1)
    torch.testing.assert_close(method.class_log_probs(images[0]), expected)
    assert capabilities(make_method(Dino, projector=(8, 4), outputs=9)) == ["embed", "logits"]


def test_the_center_weighs_every_image_alike_however_processes_share_them(monkeypatch):
    """Another process's five images beside our six."""
    method, others = make_method(Dino, projector=(8, 4)), torch.randn(2, 5, NUM_CLASSES)
    monkeypatch.setattr("gedi_nesy_plugins.methods.dino.whole_batch", lambda own, dim: torch.cat([own, others], dim))
    batch = make_batch()
    own = torch.stack([method.teacher(view) for view in batch.images])
    method.losses(batch, frozenset({"distillation"}))
    torch.testing.assert_close(method.new_center, torch.cat([own, others], dim=1).mean(dim=(0, 1)))
