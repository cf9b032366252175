"""The network whose features make a Fréchet distance the published FID.

FID means the 2048 features before the classifier of one particular Inception v3: that of TensorFlow's inception-2015-12-05, which
everyone uses in PyTorch through one file of ported weights. It differs from torchvision's Inception v3, whose own weights give
other numbers: averages leave out the padding, and the last block takes a maximum where torchvision's averages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from ..data.dataset import to_unit_range
from ..errors import ConfigError

SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
FILES = ("pt_inception-2015-12-05-6726825d.pth", "weights-inception-2015-12-05-6726825d.pth")
SIZE = 299
TENSORFLOW_CLASSES = 1008
CHUNK = 50


def find_weights(path: str | None) -> Path:
    """The file of weights: the one given, else one of its published names in torch's cache folder.

    Raises:
        ConfigError: it is not there, or it is another file.
    """
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    candidates = [Path(path).expanduser()] if path else [cache / name for name in FILES]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    wanted = (
        f"FID needs {FILES[0]}, 95,628,359 bytes, from the release fid_weights of mseitzer/pytorch-fid (torch-fidelity has the same "
        f"file as {FILES[1]}), sha256 {SHA256}. Give its path as `weights`, or put it into {cache}"
    )
    if found is None:
        raise ConfigError(f"no {candidates[0]}. {wanted}", key="evaluators")
    with open(found, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SHA256:
        raise ConfigError(
            f"{found} has sha256 {digest}: a distance on other features is no FID. {wanted}", key="evaluators"
        )
    return found


def load_inception(file: Path) -> nn.Module:
    """The network up to its features, with the weights of a file, which executes nothing when read."""
    network = make_inception()
    network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    network.fc = nn.Identity()
    return network.eval()


def make_inception() -> nn.Module:
    """TensorFlow's form of torchvision's Inception v3, with random weights and its classifier of 1008 classes."""
    from torchvision.models.inception import Inception3  # slow to import

    network: nn.Module = Inception3(num_classes=TENSORFLOW_CLASSES, aux_logits=False, init_weights=False)
    for name in ("5b", "5c", "5d", "6b", "6c", "6d", "6e", "7b"):
        _pool_by(network.get_submodule(f"Mixed_{name}"), _average)
    _pool_by(network.get_submodule("Mixed_7c"), _maximum)
    return network


@torch.no_grad()
def inception_features(
    network: nn.Module, pixels: UInt8[Tensor, "images channels height width"]
) -> Float[Tensor, "images features"]:
    """The 2048 features of any number of grey or RGB images, resized to 299 by 299 (bilinear, without antialiasing)."""
    return torch.cat([_features(network, chunk) for chunk in torch.split(pixels, CHUNK)])


def _features(network: nn.Module, pixels: Tensor) -> Tensor:
    images = to_unit_range(pixels).expand(-1, 3, -1, -1)
    images = functional.interpolate(images, (SIZE, SIZE), mode="bilinear", align_corners=False)
    features: Tensor = network(images)
    return features


def _pool_by(block: Any, pool: Callable[[Tensor], Tensor]) -> None:
    """Replace the pooling of a block's last branch."""
    branches = block._forward
    block._forward = lambda images: [*branches(images)[:-1], block.branch_pool(pool(images))]


def _average(images: Tensor) -> Tensor:
    return functional.avg_pool2d(images, kernel_size=3, stride=1, padding=1, count_include_pad=False)


def _maximum(images: Tensor) -> Tensor:
    return functional.max_pool2d(images, kernel_size=3, stride=1, padding=1)
