"""The FID network: pooling as TensorFlow's, features of the right size, one file of weights and no other."""

from __future__ import annotations

import hashlib

import pytest
import torch
from torch import nn
from torch.nn import functional

from gedi_nesy import ConfigError
from gedi_nesy.models import fid_inception
from gedi_nesy.models.fid_inception import find_weights, inception_features, load_inception, make_inception


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return make_inception().eval()


def average_by_counting(images):
    """The mean of the pixels that are there, around each pixel."""
    ones = torch.ones_like(images[:, :1])
    window = torch.ones(1, 1, 3, 3)
    sums = functional.conv2d(images.flatten(0, 1)[:, None], window, padding=1).view(images.shape)
    return sums / functional.conv2d(ones, window, padding=1)


@pytest.mark.parametrize("name, channels", [("5b", 192), ("6b", 768), ("7b", 1280), ("7c", 2048)])
@torch.no_grad()
def test_the_last_branch_pools_as_tensorflow_does(network, name, channels):
    images = torch.randn(1, channels, 4, 4)
    block = network.get_submodule(f"Mixed_{name}")
    expected = functional.max_pool2d(images, 3, 1, 1) if name == "7c" else average_by_counting(images)
    last = block.branch_pool(expected)
    torch.testing.assert_close(block(images)[:, -last.shape[1] :], last, rtol=1e-4, atol=1e-5)


def test_the_file_of_weights_is_checked_and_gives_2048_features(network, tmp_path, monkeypatch):
    file = tmp_path / "weights.pth"
    torch.save(network.state_dict(), file)
    with pytest.raises(ConfigError, match="a distance on other features is no FID") as error:
        find_weights(str(file))
    assert error.value.key == "evaluators" and "pt_inception-2015-12-05-6726825d.pth" in str(error.value)
    monkeypatch.setattr(fid_inception, "SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    loaded = load_inception(find_weights(str(file)))
    assert isinstance(loaded.fc, nn.Identity)
    monkeypatch.setattr(fid_inception, "SIZE", 75)  # the smallest it takes, for speed
    grey = torch.randint(0, 256, (2, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = inception_features(loaded, grey)
    assert found.shape == (2, 2048)
    assert torch.equal(found, inception_features(loaded, grey.repeat(1, 3, 1, 1)))


def test_a_missing_file_is_named_with_where_it_comes_from(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / "pt_inception-2015-12-05-6726825d.pth"
    with pytest.raises(ConfigError, match=r"sha256 6726825d0af5f729.*Give its path as `weights`") as error:
        find_weights(None)
    assert f"no {cached}" in str(error.value)
    with pytest.raises(ConfigError, match=r"no .*mine\.pth"):
        find_weights(str(tmp_path / "mine.pth"))
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"weights")
    monkeypatch.setattr(fid_inception, "SHA256", hashlib.sha256(b"weights").hexdigest())
    assert find_weights(None) == cached
