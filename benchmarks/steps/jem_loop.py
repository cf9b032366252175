"""A training step as JEM's code takes it (Grathwohl et al. 2020), for unlabelled and labelled batches of the same size.

The replay buffer lies in the CPU's memory and chains go there and back; the network's parameters stay trainable while the
chains move and the graph is kept; images are cropped, mirrored and normalised with PIL by a DataLoader. Per step: the
sampler, the network on data, on samples, and on a labelled batch for its cross-entropy. GEDI has a second view there.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from steps.images import COUNT, random_images

BUFFER, FRESH, STEP, NOISE = 10_000, 0.05, 1.0, 0.01


class PilImages(Dataset[Any]):
    """One random view and the label."""

    def __init__(self, count: int, channels: int, side: int) -> None:
        images = random_images(count, channels, side)
        arrays = images.pixels.permute(0, 2, 3, 1).squeeze(3) if channels == 1 else images.pixels.permute(0, 2, 3, 1)
        self.images = [Image.fromarray(array) for array in arrays.contiguous().numpy()]
        self.labels = images.labels
        half = [0.5] * channels
        self.transform = transforms.Compose(
            [
                transforms.Pad(4, padding_mode="reflect"),
                transforms.RandomCrop(side),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(half, half),
                _add_noise,
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        return self.transform(self.images[index]), self.labels[index]


class JemLoop:
    """The loop, one step a call.

    Args:
        network: images to features, the same as ours.
        num_features: of the network.
    """

    def __init__(self, network: nn.Module, num_features: int, options: Namespace) -> None:
        self.options = options
        self.classifier = nn.Sequential(network, nn.Linear(num_features, 10)).to(options.device)
        self.buffer = torch.rand(BUFFER, options.channels, options.side, options.side) * 2 - 1
        self.optimizer = torch.optim.Adam(self.classifier.parameters(), lr=1e-4, betas=(0.9, 0.999))
        images = PilImages(COUNT, options.channels, options.side)
        self.loader: DataLoader[Any] = DataLoader(
            images, batch_size=options.gedi_batch, shuffle=True, drop_last=True, num_workers=options.workers,
            persistent_workers=options.workers > 0,
        )  # fmt: skip
        self._batches = self._epochs()

    def drain(self) -> None:
        """Use up what the workers have made ready while others were measured."""
        for _ in range(self.options.workers * 2):
            next(self._batches)

    def step(self) -> None:
        """One training step."""
        data, _ = (tensor.to(self.options.device) for tensor in next(self._batches))
        labelled, labels = (tensor.to(self.options.device) for tensor in next(self._batches))
        self.classifier.train()
        samples = self._samples(len(data))
        generative = self._log_density(samples).mean() - self._log_density(data).mean()
        loss = generative + functional.cross_entropy(self._logits(labelled), labels)
        loss.item()  # to stop when it has diverged
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def _log_density(self, images: Tensor) -> Tensor:
        return self._logits(images).logsumexp(1)

    def _logits(self, images: Tensor) -> Tensor:
        with torch.autocast(self.options.device, torch.bfloat16, enabled=self.options.precision == "bf16"):
            logits: Tensor = self.classifier(images)
        return logits.float()

    def _samples(self, count: int) -> Tensor:
        self.classifier.eval()
        rows = torch.randint(0, BUFFER, (count,))
        fresh = (torch.rand(count) < FRESH).float()[:, None, None, None]
        start = fresh * (torch.rand_like(self.buffer[rows]) * 2 - 1) + (1 - fresh) * self.buffer[rows]
        chains = start.to(self.options.device).requires_grad_(True)
        for _ in range(self.options.sampler_steps):
            gradient = torch.autograd.grad(self._log_density(chains).sum(), [chains], retain_graph=True)[0]
            chains.data += STEP * gradient + NOISE * torch.randn_like(chains)
        self.classifier.train()
        moved = chains.detach()
        self.buffer[rows] = moved.cpu()
        return moved

    def _epochs(self) -> Iterator[Any]:
        while True:
            yield from self.loader


def _add_noise(image: Tensor) -> Tensor:
    return image + 0.03 * torch.randn_like(image)
