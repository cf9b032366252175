"""A tensor that is too large for the GPU: it stays where it is, and what is taken out of it is computed with on the GPU."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils._pytree import tree_map

AHEAD = 2  # batches on their way


class HostTensor(Tensor):
    """Looks like a tensor on `device`; its memory is the CPU's, or a file's that is memory-mapped.

    Taking a part (indexing, splitting, iterating) gives another one, without touching the GPU. Every other operation first brings
    what it works on to the device: so code that goes through images in parts needs to know nothing about where they are. That the
    whole is never worked on at once is up to the code, as with any tensor.

    Example:
        >>> pixels = HostTensor.wrap(torch.zeros(1_000_000, 3, 64, 64, dtype=torch.uint8), torch.device("cuda"))
        >>> pixels[torch.tensor([5, 7], device="cuda")].float()  # 24 KB go to the GPU
    """

    _device: torch.device

    @staticmethod
    def wrap(tensor: Tensor, device: torch.device) -> HostTensor:
        """The tensor with its parts to be used on a device."""
        wrapped = tensor.as_subclass(HostTensor)
        wrapped._device = device
        return wrapped

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Where an operation happens."""
        kwargs = kwargs or {}
        with torch._C.DisableTorchFunctionSubclass():
            if func in _PLACE:
                return _PLACE[func](args[0]._device)
            if func in _ABOUT:
                return func(*args, **kwargs)
            if func in _PARTS:
                parts = func(args[0], *tree_map(_on_cpu, args[1:]), **tree_map(_on_cpu, kwargs))
                return tree_map(lambda part: HostTensor.wrap(part, args[0]._device), parts)
            return func(*tree_map(_on_device, args), **tree_map(_on_device, kwargs))

    def on_device(self) -> Tensor:
        """The values as an ordinary tensor on the device."""
        plain = self.as_subclass(Tensor)
        if self._device.type != "cuda":
            return plain.to(self._device)
        return plain.pin_memory().to(self._device, non_blocking=True)


_PLACE: dict[Any, Callable[[torch.device], Any]] = {
    Tensor.device.__get__: lambda device: device,
    Tensor.is_cuda.__get__: lambda device: device.type == "cuda",  # type: ignore[attr-defined]
}
_ABOUT = {
    Tensor.size,
    Tensor.dim,
    Tensor.numel,
    Tensor.nelement,
    Tensor.element_size,
    Tensor.__len__,
    Tensor.is_floating_point,
    Tensor.as_subclass,
    *(getattr(Tensor, name).__get__ for name in ("shape", "dtype", "ndim", "nbytes", "layout", "requires_grad")),
}
# Iterating is unbind too.
_PARTS = {Tensor.__getitem__} | {
    getattr(place, name)
    for place in (torch, Tensor)
    for name in ("split", "chunk", "unbind", "narrow", "select", "index_select")
}


class Selecting(Protocol):
    """Something that says which images it wants."""

    @property
    def images(self) -> Int[Tensor, " batch"]:
        """Their rows."""
        ...


Selected = TypeVar("Selected", bound=Selecting)


def with_pixels(pixels: Tensor, selections: Iterable[Selected]) -> Iterator[tuple[Selected, Tensor]]:
    """Each selection with its images; a thread brings those of a HostTensor to the device while the ones before are worked on."""
    if not isinstance(pixels, HostTensor):
        yield from ((selection, pixels[selection.images]) for selection in selections)
        return
    waiting = deque[tuple[Selected, Future[Tensor]]]()
    with ThreadPoolExecutor(1) as pool:
        for selection in selections:
            waiting.append((selection, pool.submit(_taken, pixels, selection)))
            if len(waiting) > AHEAD:
                first, images = waiting.popleft()
                yield first, images.result()
        yield from ((selection, images.result()) for selection, images in waiting)


def _taken(pixels: HostTensor, selection: Selecting) -> Tensor:
    taken = pixels[selection.images]
    assert isinstance(taken, HostTensor)
    return taken.on_device()


def _on_cpu(value: Any) -> Any:
    return value.cpu() if isinstance(value, Tensor) else value


def _on_device(value: Any) -> Any:
    return value.on_device() if isinstance(value, HostTensor) else value
