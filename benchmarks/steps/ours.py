"""A step of the engine, exactly as `gedi-nesy train` takes it: views, terms, gradient, the look at the numbers, optimiser."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor, nn

from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.data.host_tensor import with_pixels
from gedi_nesy.engine import train
from gedi_nesy.engine.arithmetic import for_training
from gedi_nesy.engine.build import build_run
from gedi_nesy.engine.run import Run
from gedi_nesy.engine.run_folder import RunFolder
from gedi_nesy.plugin_manager import load_plugins
from gedi_nesy.tasks import Selection

Config = dict[str, Any]

SIMCLR_VIEWS = [
    {"name": "random_resized_crop"},
    {"name": "horizontal_flip"},
    {"name": "color_jitter", "probability": 0.8},
    {"name": "grayscale", "probability": 0.2},
]
JEM_VIEWS = [
    {"name": "random_crop", "padding": 4, "border": "reflect"},
    {"name": "horizontal_flip"},
    {"name": "gaussian_noise", "std": 0.03},
]
SGD = {"optimizer": "sgd", "betas": [0.9, 0.999], "learning_rate": 1e-4, "weight_decay": 5e-4}
RESNET = {"name": "resnet", "depth": 18, "stem": "cifar"}
CONFIGS: dict[str, Config] = {
    "simclr": {
        "method": {"name": "simclr", "projector": [512, 128]}, "weights": {"contrastive": 1},
        "views": SIMCLR_VIEWS, "backbone": RESNET, "training": SGD,
    },
    "barlow_twins": {
        "method": {"name": "barlow_twins", "projector": [2048, 2048]}, "weights": {"invariance": 1, "redundancy": 0.005},
        "views": SIMCLR_VIEWS, "backbone": RESNET, "training": SGD,
    },
    "gedi": {
        "method": {"name": "gedi"}, "weights": {"gen": 1, "inv": 1, "prior": 1},
        "views": JEM_VIEWS, "backbone": {"name": "resnet8"},
        "training": {"optimizer": "adam", "betas": [0.9, 0.999], "learning_rate": 1e-4},
    },
}  # fmt: skip


def make_run(name: str, options: Namespace) -> Run:
    """A run of the method on the device, nothing on disk."""
    config = _config(name, options)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.yaml"
        file.write_text(yaml.safe_dump(config))
        plugins = load_plugins()
        run = build_run(validate(load_tree(str(file)), plugins), plugins, RunFolder(Path(folder)))
    run.method.train()
    return run


def make_step(run: Run) -> Callable[[], None]:
    """Takes the next step of the run."""
    batches = _batches(run)

    def step() -> None:
        with for_training(run):
            train._step(run, [next(batches)])

    return step


def network_of(run: Run) -> nn.Module:
    """The backbone that was built."""
    backbone: nn.Module = run.method.backbone
    return backbone


def _batches(run: Run) -> Iterator[tuple[Selection, Tensor]]:
    while True:
        yield from with_pixels(
            run.task.train_pixels, run.task.epoch(run.config.training.batch_size, run.generators["order"])
        )


def _config(name: str, options: Namespace) -> Config:
    config = CONFIGS[name] | {
        "plugins": [str(Path(__file__).with_name("images.py"))],
        "data": {"name": "random_images", "channels": options.channels if name == "gedi" else 3, "side": options.side},
        "task": "pretraining",
        "device": options.device,
        "num_views": 2,
    }
    batch = options.gedi_batch if name == "gedi" else options.batch
    own = {
        "epochs": 1000,
        "batch_size": batch,
        "max_term": 1e12,
        "precision": options.precision,
        "compile": options.compile,
    }
    config["training"] = config["training"] | own
    if name == "gedi":
        sampler = {"steps": options.sampler_steps, "step_size": 1.0, "noise_std": 0.01}
        config["method"] = config["method"] | {"sgld": sampler}
        config["backbone"] = config["backbone"] | {"width": options.width}
    return config
