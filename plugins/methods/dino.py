"""DINO: match a slowly moving teacher's sharpened and centred class probabilities of another view.

    distillation   cross-entropy of the student's probabilities under the teacher's, mean over pairs of views

Teacher and student are softmaxes of one architecture. The teacher is the student's moving average; its outputs lose their running
mean (centering, against one class taking all) and are divided by a small temperature (sharpening, against uniform outputs). The
first `teacher_views` views go through the teacher, all views, small ones (`num_small_views`) too, through the student: multi-crop.
With as many outputs as the task has classes (the default; the paper has 65,536) the method gives class probabilities, the student's.
Differences: ReLU instead of GELU and batch norm in the head (the paper's for convolutional networks); momentum and teacher
temperature stay where the paper lets them rise (0.996 to 1, 0.04 to 0.07); the head's last layer is not frozen in the first epoch;
embeddings and probabilities are the student's, where the authors evaluate the teacher. They clip gradients at 3 (`training.clip_norm`).
Source: Caron et al. 2021, Emerging Properties in Self-Supervised Vision Transformers, eq. 1 to 4 and algorithm 1.
Config: configs/pretraining/dino.yaml
"""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gedi_nesy import Batch, Method, MethodContext, MethodOutput, Options, whole_batch
from gedi_nesy.losses import cross_entropy, mean_over_pairs
from gedi_nesy.models.heads import Prototypes, Widths, mlp
from gedi_nesy.models.momentum import MomentumCopy
from gedi_nesy.models.precision import widened
from gedi_nesy.models.views import embed_views, require_views

ImageBatch = Float[Tensor, "batch channels height width"]
Share = Annotated[float, Field(ge=0, le=1)]
Temperature = Annotated[float, Field(gt=0)]


class Dino(Method):
    """Self-distillation; offers embed, and class_log_probs when there are as many outputs as classes."""

    USES_SMALL_VIEWS = True
    TERMS = {"distillation": "cross-entropy of the student's probabilities under the teacher's of another view"}

    class Options(Options):
        student_temperature: Temperature = 0.1
        teacher_temperature: Temperature = 0.04
        momentum: Share = 0.996
        """Share of the teacher's weights that stays at each step."""
        center_momentum: Share = 0.9
        """Share of the center that stays at each step."""
        outputs: Annotated[int, Field(gt=1)] | None = None
        """The task's number of classes by default."""
        teacher_views: Annotated[int, Field(gt=0)] = 2
        """How many of the views the teacher sees."""
        projector: Widths = (2048, 2048, 256)
        """Neurons of the head's layers before the outputs."""

    center: Float[Tensor, " outputs"]

    def __init__(self, options: Options, context: MethodContext) -> None:
        super().__init__(options, context)
        require_views(context.num_views, max(2, options.teacher_views), "dino")
        self.options = options
        self.projector = mlp(context.backbone.num_features, options.projector)
        count = options.outputs or context.num_classes
        self.prototypes = Prototypes(options.projector[-1], count)
        self.teacher = MomentumCopy(options.momentum, self.backbone, self.projector, self.prototypes)
        self.register_buffer("center", torch.zeros(count))
        self.new_center: Tensor | None = None
        if count != context.num_classes:
            self.lacks = frozenset({"class_log_probs"})

    def losses(self, batch: Batch, active: frozenset[str]) -> MethodOutput:
        """Cross-entropies of students and teachers of different views."""
        options = self.options
        embeddings = embed_views(self.backbone, batch.crops)
        scores = embed_views(self.prototypes, embed_views(self.projector, embeddings))
        student = (widened(scores) / options.student_temperature).log_softmax(dim=2)
        outputs = widened(embed_views(self.teacher, batch.images[: options.teacher_views]))
        teacher = ((outputs - self.center) / options.teacher_temperature).log_softmax(dim=2)
        self.new_center = whole_batch(outputs, dim=1).mean(dim=(0, 1))
        terms = {"distillation": mean_over_pairs(cross_entropy, teacher, student)} if "distillation" in active else {}
        return MethodOutput(terms, None if self.lacks else student[0], embeddings[0])

    def updated(self) -> None:
        """The teacher follows, and so does the center of its outputs."""
        self.teacher.follow(self.backbone, self.projector, self.prototypes)
        if self.new_center is not None:
            self.center.lerp_(self.new_center, 1 - self.options.center_momentum)
        self.new_center = None

    def embed(self, images: ImageBatch) -> Float[Tensor, "batch features"]:
        """The student's backbone features."""
        features: Tensor = self.backbone(images)
        return features

    def class_log_probs(self, images: ImageBatch) -> Float[Tensor, "batch classes"]:
        """The student's log-probabilities."""
        return self.logits(images).log_softmax(dim=1)

    def logits(self, images: ImageBatch) -> Float[Tensor, "batch outputs"]:
        """The student's outputs over its temperature."""
        scores: Tensor = self.prototypes(self.projector(self.embed(images)))
        return widened(scores) / self.options.student_temperature
