"""Several processes that train one network, started by torchrun: what they have to ask each other.

Each process computes a loss on its share of the batch, and training minimises the mean of these losses over processes. Everything
follows from that one sentence. Gradients are averaged (`average_gradients`), and what flows back into rows that several processes
looked at (`whole_batch`) is the sum of what flows back in each of them. So a loss that every process computes on the whole batch and a
loss that is a mean over each process's own rows both give the gradient that one process gives on the joined batch, and no
factor of the number of processes is written anywhere.

We average after the backward pass rather than wrap networks in DistributedDataParallel: a method is used through `losses`, `embed`
and a sampler that differentiates by pixels, and a single collective after the last backward pass is right for all of them; the
price is that communication does not overlap with computation.

Without torchrun there is one process, and every function here gives its argument back.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn
from torch.distributed import PrefixStore  # type: ignore[attr-defined]
from torch.distributed.rendezvous import rendezvous

from .errors import ConfigError, PeerError
from .launch import is_launched

T = TypeVar("T")
# The main process writes checkpoints and looks at the model's health while the others wait for its next gradient.
PATIENCE = timedelta(minutes=30)
DONE = "done"

_store: Any = None  # where all processes can read and write
_is_aside = False


def join() -> None:
    """Meet the other processes, if there are any."""
    global _store
    if not is_launched() or distributed.is_initialized():
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    store, rank, size = next(rendezvous("env://"))
    _store = PrefixStore("gedi_nesy", store)
    distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)


@contextmanager
def alone() -> Iterator[None]:
    """The main process as a single one inside the block, from where on nobody trains; the others `wait_for_main`."""
    _part()
    try:
        yield
    finally:
        if _store is not None:
            with suppress(RuntimeError):  # nobody waits any more
                _store.set(DONE, "")


def wait_for_main() -> None:
    """Part from the others and wait for the main process: torchrun of another machine ends what it has started when its own end."""
    _part()
    with suppress(RuntimeError):  # whoever kept the store is gone: there is nothing to wait for
        while not _store.check([DONE]):
            time.sleep(0.5)


def _part() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


@contextmanager
def aside() -> Iterator[None]:
    """The main process by itself inside the block, while the others wait for it with their next question."""
    global _is_aside
    _is_aside = True
    try:
        yield
    finally:
        _is_aside = False


def rank() -> int:
    """The number of this process, from 0."""
    return distributed.get_rank() if _is_together() else 0


def num_processes() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if _is_together() else 1


def _is_together() -> bool:
    return distributed.is_initialized() and not _is_aside


def is_main() -> bool:
    """Whether this process is the one that writes files, displays and evaluates."""
    return rank() == 0


def share(count: int, key: str) -> int:
    """This process's part of a number; ConfigError, with the config key it comes from, when it cannot be shared evenly."""
    if count % num_processes():
        raise ConfigError(
            f"{key} is {count}, which {num_processes()} processes cannot share evenly: make it a multiple of {num_processes()}",
            key=key,
        )
    return count // num_processes()


def whole_batch(rows: Float[Tensor, "*axes"], dim: int = 0) -> Float[Tensor, "*_axes"]:
    """The rows of all processes along an axis, in the order of processes, with gradient.

    What a loss says about a batch as a whole (a mean inside a logarithm, correlations, negatives, assignments) it has to say about
    this. Processes may have different numbers of rows.
    """
    if num_processes() == 1:
        return rows
    gathered: Tensor = _WholeBatch.apply(rows.movedim(dim, 0))
    return gathered.movedim(0, dim)


def own_rows(whole: Float[Tensor, "*axes"], count: int) -> Float[Tensor, "*_axes"]:
    """The `count` rows of `whole_batch` that this process has brought along."""
    if num_processes() == 1:
        return whole
    start = sum(_counts(count)[: rank()])
    return whole[start : start + count]


class _WholeBatch(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.counts = _counts(len(rows))
        padded = rows.new_zeros(max(ctx.counts), *rows.shape[1:])
        padded[: len(rows)] = rows
        return torch.cat([part[:count] for part, count in zip(gathered(padded), ctx.counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = summed(gradient.contiguous().clone())
        return torch.split(total, ctx.counts)[rank()]


def _counts(count: int) -> list[int]:
    """How many rows each process has."""
    return torch.cat(gathered(torch.tensor([count]))).tolist()


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """The mean over processes of every gradient; one that no process has stays None."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if num_processes() == 1 or not trained:
        return
    # A process's examples decide which learnable probabilities it reaches. Asked on the CPU, so that no GPU is waited for.
    is_somewhere = summed(torch.tensor([int(parameter.grad is not None) for parameter in trained])).tolist()
    reached = [parameter for parameter, count in zip(trained, is_somewhere, strict=True) if count]
    for parameter in reached:
        parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    gradients = [parameter.grad for parameter in reached if parameter.grad is not None]
    total = summed(torch.cat([gradient.flatten() for gradient in gradients])) / num_processes()
    for gradient, mean in zip(gradients, torch.split(total, [part.numel() for part in gradients]), strict=True):
        gradient.copy_(mean.view(gradient.shape))


def mean_over_processes(values: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
    """The mean of each number; not a number everywhere when it is not one in any process, so that all decide alike."""
    return values if num_processes() == 1 else summed(values.detach().clone()) / num_processes()


def is_anywhere(flag: bool) -> bool:
    """Whether a process says yes."""
    return flag if num_processes() == 1 else bool(summed(torch.tensor(int(flag))))


def from_main(value: T) -> T:
    """The main process's value."""
    if num_processes() == 1:
        return value
    values = [value]
    with _together():
        distributed.broadcast_object_list(values, src=0, device=torch.device("cpu"))
    return values[0]


@torch.no_grad()
def share_buffers(module: nn.Module) -> None:
    """The main process's buffers for everybody, own parts excepted.

    Weights stay equal by themselves, since all take the same step. So do buffers, but for operations whose result differs from
    one time to the next, of which GPUs have some.
    """
    if num_processes() == 1:
        return
    own = own_names(module)
    for name, buffer in module.named_buffers():
        if name not in own:
            plain = buffer.contiguous()
            with _together():
                distributed.broadcast(plain, src=0)
            buffer.copy_(plain)


def joined(part: Tensor) -> Tensor:
    """The parts of all processes along the first axis: what a checkpoint keeps of a tensor that each has its own part of."""
    return part if num_processes() == 1 else torch.cat(gathered(part.contiguous()))


@torch.no_grad()
def join_parts(module: nn.Module) -> None:
    """The whole of every buffer that each process has had its own part of, now that training is over."""
    if num_processes() == 1:
        return
    for child in module.modules():
        for name in getattr(child, "OWN_PARTS", ()):
            part = getattr(child, name)
            whole = torch.cat([part] * num_processes())  # in the part's memory format
            setattr(child, name, whole.copy_(joined(part)))


def own_part(whole: Tensor) -> Tensor:
    """This process's part of what `joined` has put together, in memory of its own: generators misread any other."""
    return whole.chunk(num_processes())[rank()].clone()


def own_names(module: nn.Module) -> frozenset[str]:
    """Names in the state of a module of the buffers that each process has its own part of: see `ReplayBuffer.OWN_PARTS`."""
    return frozenset(
        f"{prefix}.{name}".removeprefix(".")
        for prefix, child in module.named_modules()
        for name in getattr(child, "OWN_PARTS", ())
    )


def is_first_to_fail() -> bool:
    """Whether no other process has failed before: it is the one to say why, those that miss it end in silence."""
    if _store is None:
        return True
    try:
        return bool(_store.add("failures", 1) == 1)
    except RuntimeError:  # whoever keeps the store is gone, and with it all the others
        return False


def gathered(tensor: Tensor) -> list[Tensor]:
    """The tensors of all processes, of equal shape; without gradient."""
    parts = [torch.empty_like(tensor, memory_format=torch.contiguous_format) for _ in range(num_processes())]
    with _together():
        distributed.all_gather(parts, tensor.detach().contiguous())
    return parts


def summed(tensor: Tensor) -> Tensor:
    """The sum over processes, in place; without gradient."""
    with _together():
        distributed.all_reduce(tensor)
    return tensor


@contextmanager
def _together() -> Iterator[None]:
    """Whoever waits for a process that has ended gets a PeerError."""
    try:
        yield
    except RuntimeError as error:
        raise PeerError(
            f"process {rank()} waited for another one, which has ended or does not answer ({error})"
        ) from error
