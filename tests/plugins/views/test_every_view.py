"""What every first-party view must keep, by itself and in the papers' pipelines."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import ks_2samp

from gedi_nesy.data.views import make_views
from gedi_nesy.plugin_manager import load_plugins

OPTIONS = {"gaussian_noise": {"std": 0.1}, "random_affine": {"rotation": 20.0}}
ENTRIES = [entry for entry in load_plugins().registry.entries("view") if entry.provider.startswith("views")]

SIMCLR = {
    "random_resized_crop": {},
    "horizontal_flip": {},
    "color_jitter": {"probability": 0.8},
    "grayscale": {"probability": 0.2},
}


@pytest.fixture(params=ENTRIES, ids=lambda entry: entry.name)
def view(request):
    kind = request.param.load()
    return kind(kind.Options(**OPTIONS.get(request.param.name, {})))


def pipeline(**transforms):
    kinds = {entry.name: entry.load() for entry in ENTRIES}
    return [kinds[name](kinds[name].Options(**options)) for name, options in transforms.items()]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("width", [12, 17])
def test_a_view_keeps_shape_and_input_and_obeys_its_generator(view, images, seeded, channels, width):
    batch = images(channels, width=width)
    before = batch.clone()
    once, again = view(batch, seeded(3)), view(batch, seeded(3))
    assert once.shape == batch.shape and torch.isfinite(once).all()
    assert torch.equal(batch, before) and torch.equal(once, again)


def test_images_have_parameters_of_their_own(view, images, seeded):
    same = images(count=1).expand(200, -1, -1, -1)
    assert len(view(same, seeded()).flatten(1).unique(dim=0)) > 1


def test_a_view_takes_a_single_image(view, images, seeded):
    assert view(images(count=1), seeded()).shape == (1, 3, 12, 12)


def test_pipelines_of_the_papers_stay_in_range(images, seeded):
    blur = {"gaussian_blur": {"probability": 0.1}, "solarize": {"probability": 0.2}}
    for transforms in (SIMCLR, SIMCLR | blur, SIMCLR | {"channel_drop": {}, "vertical_flip": {}}):
        views = make_views(images(count=200), [pipeline(**transforms)] * 2, seeded())
        assert views.shape == (2, 200, 3, 12, 12) and views.min() >= -1 - 1e-5 and views.max() <= 1 + 1e-5
        assert not torch.equal(views[0], views[1])


@pytest.mark.gpu
def test_a_view_works_on_a_gpu(view, images):
    batch = images().cuda()
    once, again = (view(batch, torch.Generator("cuda").manual_seed(3)) for _ in range(2))
    assert once.is_cuda and once.shape == batch.shape and torch.equal(once, again)
    if (probability := getattr(view.options, "probability", None)) is not None and probability < 1:
        assert (once == batch).flatten(1).all(dim=1).any()


@pytest.mark.gpu
def test_views_on_a_gpu_are_distributed_as_on_a_cpu(view, images):
    """Kolmogorov and Smirnov's test on a random projection of 2,000 views of one image, 50 a call."""
    projection = torch.randn(3 * 12 * 12, generator=torch.Generator().manual_seed(1))
    found = []
    for device in ("cpu", "cuda"):
        batch, generator = images(count=1).expand(50, -1, -1, -1).to(device), torch.Generator(device).manual_seed(5)
        made = torch.cat([view(batch, generator).cpu() for _ in range(40)])
        # Images that are equal but for rounding shall not stand in an order: blur the values by more than that.
        found.append(
            (
                made.flatten(1) @ projection
                + 1e-3 * torch.randn(len(made), generator=torch.Generator().manual_seed(len(found)))
            ).numpy()
        )
    assert ks_2samp(*found).pvalue > 1e-4
