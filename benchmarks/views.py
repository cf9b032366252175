"""Random views per second, beside the usual ways to make them: `python benchmarks/views.py`.

    ours  the batch as a whole, every image with parameters of its own
    pil   torchvision's transforms on PIL images, one image after the other: the recipe of most published code
    v2    torchvision's v2 transforms on uint8 tensors, one image after the other, since a call draws one set of parameters

All start from uint8 pixels in memory and end with a batch of floats in [-1, 1]. They take turns in one process, so that a busy
machine slows all of them alike; a turn is one batch. Time is the processor's own, on the given number of threads; with
`--device cuda` ours runs there and all are timed by the clock. The last columns are mean and deviation of all pixels that came
out: routes that do the same agree in them.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import PIL
import torch
import torchvision
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torchvision import transforms as v1
from torchvision.transforms import v2

from gedi_nesy.data.views import View, make_views
from gedi_nesy.plugin_manager import load_plugins

JITTER = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
Step = tuple[str, dict[str, Any]]

SIMCLR: list[Step] = [
    ("random_resized_crop", {}),
    ("horizontal_flip", {"probability": 0.5}),
    ("color_jitter", {"probability": 0.8, **JITTER}),
    ("grayscale", {"probability": 0.2}),
]
PIPELINES: dict[str, list[Step]] = {
    "simclr": SIMCLR,
    "simclr with blur": [*SIMCLR, ("gaussian_blur", {"probability": 0.5})],
    "byol, second view": [*SIMCLR, ("gaussian_blur", {"probability": 0.1}), ("solarize", {"probability": 0.2})],
}

HEADER = ("route", "views/s: min", "median", "max", "us/view", "x pil", "mean", "std")
FORM = "  {:<8}{:>13}{:>10}{:>10}{:>10}{:>8}{:>8}{:>8}"


def main() -> None:
    """Measure and print."""
    options = _options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    _print_machine(options)
    pixels = _pixels(options.batch, options.size)
    for name, steps in PIPELINES.items():
        if options.only in name:
            _compare(name, steps, pixels, options)


def _compare(name: str, steps: list[Step], pixels: Tensor, options: argparse.Namespace) -> None:
    """Print the table of one pipeline."""
    routes = {
        "ours": _ours(steps, pixels.to(options.device)),
        "pil": _pil(steps, pixels),
        "v2": _v2(steps, pixels),
    }
    rates: dict[str, list[float]] = {route: [] for route in routes}
    made: dict[str, list[Tensor]] = {route: [] for route in routes}
    clock = time.process_time if options.device == "cpu" else time.perf_counter
    for turn in range(options.turns + 1):  # the first one warms up
        for route, make in routes.items():
            _wait(options.device)
            start = clock()
            views = make()
            _wait(options.device)
            if turn:
                rates[route].append(len(pixels) / (clock() - start))
                made[route].append(torch.stack([views.mean(), views.std()]).cpu())
    print(f"\n{name}, {options.size} by {options.size}\n" + FORM.format(*HEADER))
    reference = statistics.median(rates["pil"])
    for route, values in rates.items():
        median, (mean, std) = statistics.median(values), torch.stack(made[route]).mean(dim=0).tolist()
        figures = [f"{rate:,.0f}" for rate in (min(values), median, max(values))]
        print(
            FORM.format(
                route, *figures, f"{1e6 / median:.1f}", f"{median / reference:.2f}", f"{mean:.3f}", f"{std:.3f}"
            )
        )


def _ours(steps: list[Step], pixels: Tensor) -> Callable[[], Tensor]:
    registry = load_plugins().registry
    kinds: list[tuple[type[View], dict[str, Any]]] = [
        (registry.find("view", name).load(), values) for name, values in steps
    ]
    pipeline = [kind(kind.Options(**values)) for kind, values in kinds]
    generator = torch.Generator(pixels.device).manual_seed(0)
    return lambda: make_views(pixels, [pipeline], generator)[0]


def _pil(steps: list[Step], pixels: Tensor) -> Callable[[], Tensor]:
    transform = v1.Compose([*_reference(v1, steps, pixels.shape[2]), v1.ToTensor(), v1.Normalize([0.5] * 3, [0.5] * 3)])
    arrays = pixels.permute(0, 2, 3, 1).contiguous().numpy()
    return lambda: torch.stack([transform(Image.fromarray(array)) for array in arrays])


def _v2(steps: list[Step], pixels: Tensor) -> Callable[[], Tensor]:
    to_floats = [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.5] * 3)]
    transform = v2.Compose([*_reference(v2, steps, pixels.shape[2]), *to_floats])
    return lambda: torch.stack([transform(image) for image in pixels])


def _reference(library: Any, steps: list[Step], size: int) -> Sequence[Any]:
    """The same steps in torchvision's words."""
    kernel = max(3, round(0.1 * size) // 2 * 2 + 1)
    makers: dict[str, Callable[..., Any]] = {
        "random_resized_crop": lambda: library.RandomResizedCrop(size),
        "horizontal_flip": lambda probability: library.RandomHorizontalFlip(probability),
        "color_jitter": lambda probability, **values: library.RandomApply([library.ColorJitter(**values)], probability),
        "grayscale": lambda probability: library.RandomGrayscale(probability),
        "gaussian_blur": lambda probability: library.RandomApply([library.GaussianBlur(kernel)], probability),
        "solarize": lambda probability: library.RandomSolarize(128, probability),
    }
    return [makers[name](**values) for name, values in steps]


def _pixels(count: int, size: int) -> Tensor:
    """Smooth random colours; how long a view takes does not depend on what is in the image."""
    coarse = torch.rand(count, 3, 6, 6)
    return functional.interpolate(coarse, size=size, mode="bilinear").mul(255).to(torch.uint8)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _print_machine(options: argparse.Namespace) -> None:
    device = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    print(
        f"python {platform.python_version()}, torch {torch.__version__}, torchvision {torchvision.__version__},"
        f" pillow {PIL.__version__}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, threads {options.threads},"
        f" device {device}, batch {options.batch}, {options.turns} turns"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Random views per second, beside PIL and torchvision v2.")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--size", type=int, default=32, help="height and width of the images")
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--only", default="", help="pipelines whose name has this in it")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where ours runs")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
