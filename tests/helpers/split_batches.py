"""Jobs for one process on a whole batch, or for two on its halves: both have to give the same."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from gedi_nesy import Batch, ConfigError, Method, Selection
from gedi_nesy.distributed import (
    average_gradients,
    from_main,
    is_anywhere,
    is_first_to_fail,
    join,
    joined,
    mean_over_processes,
    num_processes,
    own_names,
    own_part,
    own_rows,
    rank,
    share,
    share_buffers,
    whole_batch,
)
from gedi_nesy.engine.build import choose_device
from gedi_nesy.models.batch_norm import synchronise_batch_norm
from gedi_nesy.models.posterior import Gaussian
from gedi_nesy.plugin_manager import load_plugins
from gedi_nesy.samplers.buffer import ReplayBuffer
from gedi_nesy.testing import BATCH, make_batch, make_method, objective

STEPS = 3
RATE = 0.05


def steps_of_methods(options: dict[str, dict[str, Any]]) -> dict[str, dict[str, Tensor]]:
    """For each method its terms and gradients at the first step, and its whole state after the last."""
    join()
    entries = {entry.name: entry for entry in load_plugins().registry.entries("method")}
    return {name: _steps(entries[name].load(), **options[name]) for name in options}


def _steps(kind: Any, shape: tuple[int, int, int] = (1, 8, 8), **options: Any) -> dict[str, Tensor]:
    with patch("gedi_nesy.samplers.buffer._noise", _fill):
        method = make_method(kind, shape=shape, **options).double()
    synchronise_batch_norm(method)
    whole = make_batch(shape=shape)
    images, originals = own_part_of(whole.images, 1), own_part_of(whole.originals, 0)
    batch = Batch(images.double(), originals=originals.double())
    with _given_draws():
        result = _step(method, batch)
        for _ in range(STEPS - 1):
            _step(method, batch)
    own = own_names(method)
    return result | {name: joined(value) if name in own else value for name, value in method.state_dict().items()}


@torch.no_grad()
def _step(method: Method, batch: Batch) -> dict[str, Tensor]:
    """A plain gradient step as the engine takes it; gives terms and gradients."""
    method.zero_grad()
    with torch.enable_grad():
        output = method.losses(batch, frozenset(method.TERMS))
        torch.autograd.backward(objective(output))
    average_gradients(method.parameters())
    gradients = {name: value.grad.clone() for name, value in method.named_parameters() if value.grad is not None}
    for name, parameter in method.named_parameters():
        if name in gradients:
            parameter.sub_(gradients[name], alpha=RATE)
    method.updated()
    means = {f"term {name}": mean_over_processes(term) for name, term in output.terms.items()}
    return means | {f"gradient {name}": value for name, value in gradients.items()}


def own_part_of(whole: Tensor, dim: int) -> Tensor:
    return whole.chunk(num_processes(), dim)[rank()]


def _fill(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """This process's part of chains that are the same for any number of processes."""
    whole = (shape[0] * num_processes(), *shape[1:])
    return own_part(torch.rand(whole, generator=torch.Generator().manual_seed(3)) * 2 - 1)


def _given_draws() -> ExitStack:
    """Draws that processes make for themselves, as functions of the image's or the chain's number in the whole batch."""

    def noise(self: Gaussian, generator: torch.Generator) -> Tensor:
        numbers = own_part_of(torch.arange(float(BATCH)), 0).repeat(len(self.mean) * num_processes() // BATCH)
        return self.mean + (self.log_variance / 2).exp() * (numbers / 3 - 1)[:, None]

    def draw(self: ReplayBuffer, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        halves = 2 // num_processes()
        rows = torch.arange(len(self.images)).view(halves, -1)[:, : count // halves].flatten()
        return rows, self.images[rows]

    def integers(high: int, size: tuple[int, ...], **_: Any) -> Tensor:
        return own_part(torch.arange(size[0] * num_processes()) % high)

    stack = ExitStack()
    stack.enter_context(patch.object(Gaussian, "sample", noise))
    stack.enter_context(patch.object(ReplayBuffer, "draw", draw))
    stack.enter_context(patch("gedi_nesy_plugins.methods.jigsaw.torch.randint", integers))
    return stack


def collectives() -> dict[str, Tensor]:
    """What processes with unequal numbers of rows get from everything they ask each other."""
    join()
    rows = torch.arange(10.0).view(5, 2)[_unequal()].requires_grad_()
    whole = whole_batch(rows)
    # Each process's own loss: the gradient of the sum of both.
    torch.autograd.backward(((rank() + 1) * whole.square()).sum())
    first, second, third = (torch.nn.Parameter(torch.zeros(2)) for _ in range(3))
    first.grad, second.grad = torch.full((2,), float(rank())), torch.ones(2) if rank() else None
    average_gradients([first, second, third])
    module = torch.nn.BatchNorm1d(1)
    module.running_mean += rank()
    share_buffers(module)
    return {
        "whole": whole.detach(),
        "own": own_rows(whole, len(rows)).detach(),
        "gradient": rows.grad,
        "averaged": torch.stack([first.grad, second.grad]),
        "third": torch.tensor(third.grad is None),
        "mean": mean_over_processes(torch.tensor([float(rank()), float("nan") if rank() else 0.0])),
        "anywhere": torch.tensor([is_anywhere(rank() == 1), is_anywhere(False)]),
        "main": torch.tensor(from_main(rank() + 5)),
        "buffer": module.running_mean,
        "failures": torch.tensor(is_first_to_fail()),
    }


def refusals() -> dict[str, str]:
    """The errors of what two processes cannot do."""
    join()
    cases = {
        "share": lambda: share(5, "method.chains"),
        "part": lambda: Selection(torch.arange(5)).part(0, 2),
        "gpu": lambda: choose_device("cuda"),
        "one gpu": lambda: choose_device("cuda:0"),
        "batch norm": lambda: synchronise_batch_norm(torch.nn.Sequential(_OwnKind(1))),
    }
    return {name: _refusal(case) for name, case in cases.items()}


def _refusal(case: Any) -> str:
    try:
        case()
    except ConfigError as error:
        return f"{error.key}: {error}"
    return "nothing was refused"


class _OwnKind(torch.nn.BatchNorm1d):
    """A batch norm that may do something else besides."""


def normalised() -> dict[str, Tensor]:
    """Outputs, gradients and running statistics of batch norm on unequal parts, in every form."""
    join()
    generator = torch.Generator().manual_seed(0)
    result: dict[str, Tensor] = {}
    forms = {
        "rows": (torch.nn.BatchNorm1d(3), ()),
        "maps": (torch.nn.BatchNorm2d(3), (4, 2)),
        "volumes": (torch.nn.BatchNorm3d(3, momentum=None), (2, 2, 2)),
        "plain": (torch.nn.BatchNorm1d(3, affine=False), (2,)),
        "no statistics": (torch.nn.BatchNorm1d(3, track_running_stats=False), ()),
    }
    for name, (layer, space) in forms.items():
        whole = torch.randn(5, 3, *space, generator=generator, dtype=torch.float64) * 3 + 100
        wanted = torch.randn(whole.shape, generator=generator, dtype=torch.float64)
        layer = layer.double()
        synchronise_batch_norm(layer)
        for _ in range(2):
            inputs = whole[_unequal()].requires_grad_()
            layer.zero_grad()
            outputs = layer(inputs)
            # The sum of both processes' losses is the loss of the whole batch.
            torch.autograd.backward((outputs * wanted[_unequal()]).sin().sum())
        average_gradients(layer.parameters())
        result |= {
            f"{name} {key}": whole_batch(value) for key, value in (("outputs", outputs), ("inputs", inputs.grad))
        }
        result |= {f"{name} {key}": num_processes() * value.grad for key, value in layer.named_parameters()}
        result |= {f"{name} {key}": value for key, value in layer.named_buffers()}
        layer.eval()
        result[f"{name} evaluated"] = layer(whole)
    return {name: value.detach() for name, value in result.items()}


def _unequal() -> slice:
    """Two rows and three for two processes."""
    return slice(None) if num_processes() == 1 else slice(2 * rank(), 2 + 3 * rank())
