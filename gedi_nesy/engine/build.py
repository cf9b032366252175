"""From a validated config to a Run: the only place where names become objects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import nn

from ..config.schema import Component, RunConfig, Training
from ..data.dataset import DatasetReader, ImageDataset, Images
from ..data.host_tensor import HostTensor
from ..data.validation import hold_out
from ..distributed import rank, share
from ..errors import ConfigError
from ..evaluators import Evaluator, EvaluatorContext
from ..launch import is_launched, local_processes, local_rank
from ..methods import Method, MethodContext, capabilities
from ..models.backbone import Backbone
from ..models.batch_norm import synchronise_batch_norm
from ..models.mode import freeze
from ..plugin_manager import PluginManager
from ..registry import Kind
from ..tasks import Task, TaskContext
from .arithmetic import undisturbed
from .averaging import WeightAverage
from .lars import Lars
from .requirements import check_requirements
from .run import Run
from .run_folder import RunFolder
from .seeding import make_generator
from .start_weights import StartWeights, start_weights
from .trial import try_out

LEAST_CLASSES = 2
RESIDENT = 0.25  # share of a GPU's free memory that the images of a split may take


@runtime_checkable
class Resettable(Protocol):
    """A module that draws its parameters anew, as torch's own layers do."""

    def reset_parameters(self) -> None:
        """Back to a start."""


def build_run(config: RunConfig, plugins: PluginManager, folder: RunFolder, start: StartWeights | None = None) -> Run:
    """Everything a training needs, in its initial state, on the config's device; `start` is what its weights begin with."""
    device = choose_device(config.device)
    dataset = _on_device(read_data(config, plugins), device)
    context = TaskContext(dataset, plugins.registry, _active(config), make_generator(config.seed, "task"))
    task: Task = _class(plugins, "task", config.task)(config.task.options, context)
    pipelines = [[_make(plugins, "view", view) for view in views] for views in config.pipelines()]
    small = [[_make(plugins, "view", view) for view in config.small_views]] * config.num_small_views
    generators = _generators(config, device, attempt=1)
    method = _for_training(new_method(config, plugins, DataSize.of(task), generators, start), config, device)
    optimizer, average = make_optimizer(method, task, config.training), _average(method, config.training)
    run = Run(config, folder, plugins, device, dataset, task, method, pipelines, small, optimizer, average, generators)
    run.notes += [start.note(frozen=config.frozen is not None)] if start else []
    if start and config.validation is not None:
        run.notes.append(
            "who trained these weights may have seen the images held out here, unless that run held out the same share"
        )
    _check(run)
    return run


def _check(run: Run) -> None:
    """What would otherwise be found out only after training."""
    share(run.config.training.batch_size, "training.batch_size")
    task_steps = run.task.num_steps(run.config.training.batch_size)
    if task_steps < 1:
        raise ConfigError("an epoch has no step: the batch is larger than the data", key="training.batch_size")
    with undisturbed(run):
        try_out(run)
    context = evaluator_context(run, {})
    check_requirements(run, [make_evaluator(run, component, context) for component in run.config.evaluators])


def evaluator_context(run: Run, last_terms: dict[str, float]) -> EvaluatorContext:
    """What the evaluators of one evaluation share."""
    return EvaluatorContext(
        run.plugins.registry,
        tuple(run.pipelines),
        run.config.seed,
        terms=run.terms,
        last_terms=last_terms,
        data_root=getattr(run.config.data.options, "root", None),
        validation=run.config.validation,
    )


def make_evaluator(run: Run, component: Component, context: EvaluatorContext) -> Evaluator:
    """An evaluator of the config, as it was before training and will be after it."""
    evaluator: Evaluator = _class(run.plugins, "evaluator", component)(component.options, context)
    return evaluator


def make_watchers(run: Run) -> None:
    """Let those whom the config names look on from here."""
    for component in run.config.watchers:
        run.plugins.watch(component.name, _make(run.plugins, "watcher", component))


def reset(run: Run) -> None:
    """Back to epoch 0 with the weights and random numbers of `run.attempt`; data and examples stay."""
    run.generators = _generators(run.config, run.device, run.attempt)
    start = start_weights(run.config, run.folder)
    method = new_method(run.config, run.plugins, DataSize.of(run.task), run.generators, start)
    run.method = _for_training(method, run.config, run.device)
    for module in run.task.trained.modules():
        if isinstance(module, Resettable):
            module.reset_parameters()
    run.optimizer = make_optimizer(run.method, run.task, run.config.training)
    run.average = _average(run.method, run.config.training)
    run.epoch = run.step = 0
    run.rate_factor = 1.0


def _generators(config: RunConfig, device: torch.device, attempt: int) -> dict[str, torch.Generator]:
    """One generator for each purpose of training; the order of the data is drawn on the CPU.

    Processes agree on the order and on the first weights; each draws its own views, samples and dropout.
    """
    own = f"/{rank()}" if rank() else ""
    torch.manual_seed(make_generator(config.seed, f"torch/{attempt}{own}").initial_seed())  # dropout and the like
    purposes = {f"{name}": f"{name}/{attempt}" for name in ("order", "weights")}
    generators = {name: make_generator(config.seed, purpose) for name, purpose in purposes.items()}
    for name in ("views", "method"):
        generators[name] = make_generator(config.seed, f"{name}/{attempt}{own}", device)
    return generators


class DataSize(NamedTuple):
    """What a network has to know about the data."""

    shape: tuple[int, int, int]
    num_classes: int

    @classmethod
    def of(cls, task: Task) -> DataSize:
        """Of a task's images and classes."""
        return cls(task.dataset.shape, task.num_classes)


def new_method(
    config: RunConfig,
    plugins: PluginManager,
    size: DataSize,
    generators: dict[str, torch.Generator],
    start: StartWeights | None = None,
) -> Method:
    """The method on its backbone, with freshly drawn weights except for what it starts with."""
    # Layers draw their weights from torch's global generator: lend it our seed, then give it back.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generators["weights"].initial_seed())
        backbone = _backbone(config.backbone, plugins, size.shape)
        if start and start.take == "backbone":
            start.put_into(backbone)  # before the method makes a momentum copy of it
        if config.frozen == "backbone":
            freeze(backbone)
        context = MethodContext(
            backbone, size.shape, size.num_classes, _active(config), config.num_views, generators["method"]
        )
        kind: type[Method] = _class(plugins, "method", config.method)
        if size.num_classes < LEAST_CLASSES and "class_log_probs" in capabilities(kind):
            raise ConfigError(
                f'method "{config.method.name}" tells classes apart, and the data has none. Let the task say how many clusters are wanted; '
                f'options of task "{config.task.name}": {", ".join(type(config.task.options).model_fields) or "none"}',
                key="task",
            )
        method: Method = kind(config.method.options, context)
    if start and start.take == "method":
        start.put_into(method)
    if config.frozen == "method":
        freeze(method)
    return method


def _backbone(component: Component, plugins: PluginManager, shape: tuple[int, int, int]) -> Backbone:
    """The backbone, which has said how many features it gives."""
    backbone: Backbone = _class(plugins, "backbone", component)(component.options, shape)
    if not hasattr(backbone, "num_features"):
        raise ConfigError(
            f'backbone "{component.name}" does not say how many features it gives: its __init__ must set self.num_features',
            key="backbone.name",
        )
    return backbone


def _for_training(method: Method, config: RunConfig, device: torch.device) -> Method:
    """The method where and how it is trained."""
    synchronise_batch_norm(method)
    layout = torch.channels_last if config.training.channels_last else torch.contiguous_format
    method = method.to(device).to(memory_format=layout)
    if config.training.compile:
        _compile_backbones(method)
    return method


def _compile_backbones(method: Method) -> None:
    """Let torch.compile replace how backbones are called, momentum copies too; their names and weights stay as they are.

    A sampler's gradient of the density goes through them as well. What methods do around them is little.
    """
    for module in method.modules():
        if isinstance(module, Backbone):
            module.compile()


def _average(method: Method, training: Training) -> WeightAverage | None:
    return None if training.ema is None else WeightAverage(method, training.ema)


def make_optimizer(method: Method, task: Task, training: Training) -> torch.optim.Optimizer:
    """The optimiser over every parameter; the loop sets its learning rate at each step.

    The task's own parameters are probabilities, which weight decay would pull to uniform ones.
    """
    decayed, others = _split(list(method.parameters()), training.exclude_from_decay)
    groups = [
        {"params": decayed, "weight_decay": training.weight_decay, "adapted": True},
        {"params": [*others, *task.trained.parameters()], "weight_decay": 0.0, "adapted": False},
    ]
    groups = [group for group in groups if group["params"]]
    rate, fused = training.learning_rate, decayed[0].is_cuda or None  # None: whatever torch takes on a CPU
    if training.optimizer == "lars":
        return Lars(groups, lr=rate, momentum=training.betas[0], trust=training.trust)
    if training.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=training.betas[0], fused=fused)
    kind = torch.optim.AdamW if training.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=rate, betas=training.betas, fused=fused)


def _split(parameters: list[nn.Parameter], exclude: str) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Parameters with and without weight decay."""
    kept = [parameter for parameter in parameters if exclude == "nothing" or parameter.ndim > 1]
    return kept, [parameter for parameter in parameters if exclude != "nothing" and parameter.ndim <= 1]


def choose_device(name: str) -> torch.device:
    """The torch device of a config's `device`; ConfigError when this machine has none of the kind.

    Of several processes on a machine each has a GPU of its own.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cpu" and is_launched():
        return _own_gpu(name)
    device = torch.device(name)
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise ConfigError(
            f'device "{name}" is not there: this machine has {torch.cuda.device_count()} CUDA devices. Use device=cpu or auto',
            key="device",
        )
    return device


def _own_gpu(name: str) -> torch.device:
    """The GPU of this one of several processes."""
    if name != "cuda":
        message = f'device "{name}" is a single GPU, and torchrun has started several processes: use device=cuda'
        raise ConfigError(message, key="device")
    if local_processes() > torch.cuda.device_count():
        raise ConfigError(
            f"torchrun has started {local_processes()} processes on this machine, which has {torch.cuda.device_count()} CUDA "
            "devices: start one process for each (--nproc-per-node), or use device=cpu",
            key="device",
        )
    device = torch.device("cuda", local_rank())
    torch.cuda.set_device(device)  # where collectives of this process run
    return device


def _active(config: RunConfig) -> frozenset[str]:
    """The terms that are ever computed."""
    return frozenset(name for name, weight in config.weights.items() if weight)


def read_data(config: RunConfig, plugins: PluginManager) -> ImageDataset:
    """The run's data; DataError when it has a test split only, which is enough for others' evaluation."""
    reader: DatasetReader = _make(plugins, "dataset", config.data)
    dataset = reader.read()
    if not len(dataset.train):
        raise reader.no_training_images()
    return dataset if config.validation is None else hold_out(dataset, config.validation)


def _on_device(dataset: ImageDataset, device: torch.device) -> ImageDataset:
    return replace(dataset, train=_placed(dataset.train, device), test=_placed(dataset.test, device))


def _placed(images: Images, device: torch.device) -> Images:
    """Labels on the device, and pixels too unless they would fill too much of it."""
    fits = device.type != "cuda" or images.pixels.nbytes <= RESIDENT * torch.cuda.mem_get_info(device)[0]
    pixels = images.pixels.to(device) if fits else HostTensor.wrap(images.pixels, device)
    attributes = {name: values.to(device) for name, values in images.attributes.items()}
    return Images(pixels, images.labels.to(device), attributes)


def _class(plugins: PluginManager, kind: Kind, component: Component) -> Any:
    return plugins.registry.find(kind, component.name).load()


def _make(plugins: PluginManager, kind: Kind, component: Component) -> Any:
    return _class(plugins, kind, component)(component.options)
