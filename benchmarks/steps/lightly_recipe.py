"""SimCLR and Barlow Twins as lightly's CIFAR-10 benchmark has them, built from its parts; the rate is one that never diverges.

A torch DataLoader whose workers make the views with PIL, the network on each view in turn, lightly's head and loss, SGD.
The network itself is the same object as ours in torchvision's layout of memory. Where lightly is not installed, the same
recipe is put together from torchvision's transforms and the losses' formulas.
"""

from __future__ import annotations

import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from steps.images import COUNT, random_images

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its optional dependencies
        from lightly.loss import BarlowTwinsLoss, NTXentLoss
        from lightly.models.modules.heads import ProjectionHead
        from lightly.transforms import SimCLRTransform
    HAS_LIGHTLY = True
except ImportError:
    HAS_LIGHTLY = False

WIDTHS = {"simclr": (512, 512, 128), "barlow_twins": (512, 2048, 2048)}
MEAN, STD = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]


class PilViews(Dataset[Any]):
    """Two random views of an image, made where it is read."""

    def __init__(self, pixels: Tensor) -> None:
        self.images = [Image.fromarray(image) for image in pixels.permute(0, 2, 3, 1).contiguous().numpy()]
        self.transform = _transform(pixels.shape[2])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        return self.transform(self.images[index])


class Recipe:
    """The loop of a training, one step a call.

    Args:
        name: simclr or barlow_twins.
        network: the backbone, (batch, channels, height, width) to (batch, 512).
    """

    def __init__(self, name: str, network: nn.Module, options: Namespace) -> None:
        self.options = options
        self.network = network.to(options.device).train()
        self.head, self.loss = (part.to(options.device) for part in _head_and_loss(name))
        parameters = [*self.network.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.SGD(parameters, lr=1e-4, momentum=0.9, weight_decay=5e-4)
        self.loader: DataLoader[Any] = DataLoader(
            PilViews(random_images(COUNT, 3, options.side).pixels), batch_size=options.batch,
            shuffle=True, drop_last=True, num_workers=options.workers, persistent_workers=options.workers > 0,
            pin_memory=options.device == "cuda",
        )  # fmt: skip
        self._batches = self._epochs()

    def drain(self) -> None:
        """Use up what the workers have made ready while others were measured."""
        for _ in range(self.options.workers * 2):
            next(self._batches)

    def step(self) -> None:
        """One batch."""
        first, second = (view.to(self.options.device, non_blocking=True) for view in next(self._batches))
        with torch.autocast(self.options.device, torch.bfloat16, enabled=self.options.precision == "bf16"):
            loss = self.loss(self.head(self.network(first)), self.head(self.network(second)))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def _epochs(self) -> Iterator[Any]:
        while True:
            yield from self.loader


def _transform(side: int) -> Callable[[Any], Any]:
    if HAS_LIGHTLY:
        normalize: dict[str, Any] = {"mean": MEAN, "std": STD}
        transform: Callable[[Any], Any] = SimCLRTransform(
            input_size=side, cj_strength=0.5, gaussian_blur=0.0, normalize=normalize
        )
        return transform
    view = transforms.Compose(
        [
            transforms.RandomResizedCrop(side),
            transforms.RandomHorizontalFlip(),
            transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
            transforms.RandomGrayscale(0.2),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    return lambda image: [view(image), view(image)]


def _head_and_loss(name: str) -> tuple[nn.Module, nn.Module]:
    inputs, hidden, outputs = WIDTHS[name]
    if not HAS_LIGHTLY:
        head = nn.Sequential(
            nn.Linear(inputs, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        )
        return head, NtXent() if name == "simclr" else BarlowTwins()
    blocks = [(inputs, hidden, nn.BatchNorm1d(hidden), nn.ReLU()), (hidden, outputs, None, None)]
    return ProjectionHead(blocks), NTXentLoss(temperature=0.5) if name == "simclr" else BarlowTwinsLoss()


class NtXent(nn.Module):
    """Temperature 0.5."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The formula."""
        rows = functional.normalize(torch.cat([first, second]).float(), dim=1)
        logits = (rows @ rows.T / 0.5).fill_diagonal_(-torch.inf)
        return functional.cross_entropy(logits, torch.arange(len(rows), device=rows.device).roll(len(first)))


class BarlowTwins(nn.Module):
    """Weight 0.005 off the diagonal."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The formula."""
        first, second = (functional.batch_norm(rows.float(), None, None, training=True) for rows in (first, second))
        squares = (first.T @ second / len(first) - torch.eye(first.shape[1], device=first.device)).square()
        diagonal = squares.diagonal().sum()
        return diagonal + 0.005 * (squares.sum() - diagonal)
