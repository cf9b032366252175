"""The core's own part of a config. Options of plugins are checked by the plugins' own models, see `validate`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SerializeAsAny, model_validator

from .files import FullPath, SourceFile
from .options import Options

Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]

NAME = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
DEVICE = r"auto|cpu|cuda(:\d+)?"


def folder_name(name: str) -> str:
    """The name, if a folder can be called so on any system; ValueError says which can."""
    if not re.fullmatch(NAME, name):
        raise ValueError("must be made of the letters A to Z and a to z, digits, -, _ and ., and not begin with a dot")
    return name


def device_name(name: str) -> str:
    """The name, if a device can be called so; ValueError says which can."""
    if not re.fullmatch(DEVICE, name):
        raise ValueError("must be auto, cpu, cuda, or one GPU such as cuda:0")
    return name


class Component(Options):
    """A plugin chosen by name, with its own validated options."""

    name: str
    options: SerializeAsAny[Options]

    def flat(self) -> dict[str, Any]:
        """The form it has in YAML: the name beside the options."""
        return {"name": self.name, **self.options.model_dump(mode="json")}


class Restart(Options):
    """When to give up on an initialisation: a term that is still too high after a share of the training."""

    term: str
    """A loss term of the task, such as nesy."""
    above: float
    """Restart if the term exceeds this on the training data as it is, without random views."""
    after: Annotated[float, Field(gt=0, lt=1)]
    """Share of all epochs after which to look."""
    attempts: Annotated[int, Field(gt=1)] = 5
    """Initialisations to try at most; the last one is trained to the end whatever the term says."""


class Training(Options):
    """How the optimiser runs."""

    epochs: Positive
    """Passes over the training data."""
    batch_size: Positive
    """Examples a step: constraint instances for a constraint task, images otherwise."""
    accumulate: Positive = 1
    """Batches whose gradients are averaged in a step. Statistics over a batch (negatives of InfoNCE, correlations, class
    frequencies, batch norm) stay those of batch_size examples: it is not the same as a batch so many times as large."""
    optimizer: Literal["adam", "adamw", "sgd", "lars"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)]
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    """Adam's decay rates; the first is also the momentum of sgd and lars."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """L2 term of adam, sgd and lars, decoupled for adamw."""
    exclude_from_decay: Literal["nothing", "biases_and_norms"] = "nothing"
    """Parameters without weight decay, and without lars' adaptation: none, or those with one axis or none (biases, scales
    and shifts of norm layers), as the recipes of SimCLR, BYOL and Barlow Twins have it."""
    trust: Annotated[float, Field(gt=0)] = 0.001
    """LARS' coefficient: length of a layer's update, at rate 1, over that of its weights."""
    warmup: Fraction = 0.0
    """Share of all steps over which the learning rate rises linearly from 0."""
    schedule: Literal["constant", "cosine", "steps"] = "constant"
    """After the warm-up: stay, fall to 0 along a cosine, or fall at each of the milestones."""
    milestones: tuple[Fraction, ...] = ()
    """Shares of all steps after which the learning rate falls; JEM's epochs 160 and 180 of 200 are 0.8 and 0.9."""
    milestone_factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """What the rate is multiplied with at each milestone; 0.3 for JEM."""
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Evaluate a moving average of the weights that keeps this share of itself at each step, such as 0.999; none by default."""
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    """Largest norm of the whole gradient; none by default."""
    channels_last: bool = True
    """Memory format of images and convolutions; 1.2 to 1.8 times as fast on CPUs for networks of width 16 to 32."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 runs networks, samplers included, in bfloat16; weights, losses, views and evaluation stay in float32."""
    tf32: bool = True
    """On a GPU, let networks round the factors of float32 products to 10 bits in training, as torch's convolutions do by
    default: several times as fast, and eight times as fine as bf16. Losses in the forward pass and evaluation never do; the
    backward pass does, through losses too."""
    compile: bool = False
    """Compile backbones with torch.compile, for training only: a minute at the start, fewer and larger kernels afterwards."""
    log_every: Positive = 10
    """Steps between lines of metrics.jsonl."""
    report_every: Positive = 1
    """Epochs between looks at the model's health, with a line on the display and in metrics.jsonl."""
    checkpoint_every: Positive = 5
    """Epochs between checkpoints."""
    evaluate_every: Positive | None = None
    """Epochs between evaluations on the way, whose numbers become curves; none but the one at the end by default. Training goes on
    as if they had not been, and nothing is chosen by them."""
    evaluate_with: tuple[str, ...] = ()
    """The evaluators of the config that look on the way, such as knn; all of them by default."""
    max_term: Annotated[float, Field(gt=0)] = 1e6
    """A term beyond this counts as exploded."""
    restart: Restart | None = None
    """Start again from other weights when training is caught in a wrong solution; none by default."""
    on_divergence: Literal["stop", "rollback"] = "stop"
    """What to do about a non-finite or exploded term: stop with an error, or go back to the last checkpoint at half the rate."""

    @model_validator(mode="after")
    def _evaluate_with_needs_a_time(self) -> Training:
        if self.evaluate_with and self.evaluate_every is None:
            raise ValueError("evaluate_with names evaluators for on the way: set evaluate_every to a number of epochs")
        return self

    @model_validator(mode="after")
    def _milestones_are_those_of_steps(self) -> Training:
        if bool(self.milestones) != (self.schedule == "steps"):
            raise ValueError('milestones and schedule "steps" belong together: give both or none')
        if list(self.milestones) != sorted(self.milestones):
            raise ValueError("milestones are shares of the training in ascending order")
        return self


class Compare(Options):
    """A cell of a published table."""

    table: str
    """Name of the table, such as gedi-table6."""
    row: str
    column: str
    numbers: dict[str, str] = {}
    """Metric of the table -> the number of results.json that it is, `evaluator.number`; the one of its own name by default."""


class StartFrom(Options):
    """Weights to start with, instead of freshly drawn ones."""

    path: FullPath
    """A run folder, the folder above it for its newest run, or one of a run's checkpoints; or a .safetensors file with the weights
    of a backbone."""
    take: Literal["backbone", "method"] = "backbone"
    """What of the run: the backbone, or the whole method, which then is the same one with as many classes."""
    freeze: bool = False
    """Leave what is taken as it is, statistics of batch norm included, and train what comes on top of it alone: linear probing with
    the method classifier, or a constraint on a pretrained encoder."""


class RunConfig(Options):
    """A whole run."""

    name: Annotated[str, AfterValidator(folder_name), Field(json_schema_extra={"pattern": f"^{NAME}$"})]
    """Folder under the runs folder; the config file's own name by default, never that of a config it extends."""
    plugins: tuple[SourceFile, ...] = ()
    """Plugin files to load besides the installed ones."""
    seed: Annotated[int, Field(ge=0)] = 0
    device: Annotated[str, AfterValidator(device_name), Field(json_schema_extra={"pattern": f"^({DEVICE})$"})] = "auto"
    """auto takes a GPU when there is one."""
    data: Component
    validation: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the training images that training does not see and that are evaluated on in place of the test images, the same ones
    for every seed: for choosing settings. None by default: trained on all training images, evaluated on the test images."""
    backbone: Component
    method: Component
    task: Component
    views: tuple[Component, ...] | tuple[tuple[Component, ...], ...] = ()
    """Random transformations that make a view of an image, applied in this order; or a list of such lists, one a view."""
    num_views: Positive = 1
    """Views of each image in a step."""
    small_views: tuple[Component, ...] = ()
    """Random transformations that make a small view, for methods with multi-crop; they begin with a crop to a size."""
    num_small_views: Annotated[int, Field(ge=0)] = 0
    """Small views of each image in a step."""
    start_from: StartFrom | None = None
    """Trained weights to start with, of another run or a file; a copy goes into the run's folder."""
    weights: dict[str, Annotated[float, Field(ge=0)]]
    """Weight of each loss term; a term without a weight, or with 0, is not computed."""
    starts: dict[str, Fraction] = {}
    """Share of the training after which a term comes in, its weight growing over the next tenth; at once by default."""
    ends: dict[str, Fraction] = {}
    """Share of the training after which a term goes out, as in training by stages; never by default."""
    training: Training
    evaluators: tuple[Component, ...] = ()
    watchers: tuple[Component, ...] = ()
    """Who looks on while the run trains, such as tensorboard."""
    compare: Compare | None = None
    """A cell of a published table to stand beside in the report; not taken from a config this one extends."""

    def plain(self) -> dict[str, Any]:
        """The YAML form: loading it again gives this config."""
        data = self.model_dump(mode="json")
        for key in ("data", "backbone", "method", "task"):
            data[key] = getattr(self, key).flat()
        for key in ("views", "small_views", "evaluators", "watchers"):
            data[key] = _flat(getattr(self, key))
        return data

    @property
    def frozen(self) -> str | None:
        """Which part of the network stays as it is taken: backbone or method."""
        return self.start_from.take if self.start_from and self.start_from.freeze else None

    def pipelines(self) -> tuple[tuple[Component, ...], ...]:
        """The transformations of each view."""
        lists = tuple(item for item in self.views if isinstance(item, tuple))
        shared = tuple(item for item in self.views if isinstance(item, Component))
        return lists or (shared,) * self.num_views


def _flat(components: tuple[Any, ...]) -> list[Any]:
    """Plain forms of components, or of lists of components."""
    return [_flat(item) if isinstance(item, tuple) else item.flat() for item in components]
