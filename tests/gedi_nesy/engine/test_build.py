"""Pipelines of views on their way from the config to a method's batch."""

from __future__ import annotations

import pytest

from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.engine.build import build_run, make_optimizer
from gedi_nesy.engine.run_folder import RunFolder, create
from gedi_nesy.engine.train import train
from gedi_nesy.errors import ConfigError
from gedi_nesy.plugin_manager import load_plugins

RECORDER = '''
import torch
from torch import nn

from gedi_nesy import Backbone, Method, MethodOutput, View, hookimpl

BATCHES = []


class Pooled(Backbone):
    def __init__(self, options, shape):
        super().__init__(options, shape)
        self.num_features, self.layer = 3, nn.Linear(1, 3)

    def forward(self, images):
        return self.layer(images.mean(dim=(1, 2, 3))[:, None])


class Miscounted(Pooled):
    def __init__(self, options, shape):
        super().__init__(options, shape)
        self.num_features = 4


class Uncounted(Backbone):
    def __init__(self, options, shape):
        super().__init__(options, shape)

    def forward(self, images):
        return images.flatten(1)


class Bytes(View):
    def __call__(self, images, generator):
        return (images * 127.5 + 127.5).byte()


class First(View):
    def __call__(self, images, generator):
        return images[:1]


class InPlace(View):
    def __call__(self, images, generator):
        return images.mul_(-1)


class Recorder(Method):
    """Keeps what it is given."""

    TERMS = {"size": "mean square of the embeddings of every crop"}
    USES_SMALL_VIEWS = True

    def __init__(self, options, context):
        super().__init__(options, context)

    def losses(self, batch, active):
        BATCHES.append(batch)
        features = torch.stack([self.backbone(crop) for crop in batch.crops])
        return MethodOutput({"size": features.square().mean()}, embeddings=features[0])

    def embed(self, images):
        return self.backbone(images)


class Blind(Recorder):
    USES_SMALL_VIEWS = False


@hookimpl
def register(registry):
    registry.add_method("recorder", Recorder)
    registry.add_method("blind", Blind)
    registry.add_backbone("pooled", Pooled)
    registry.add_backbone("miscounted", Miscounted)
    registry.add_backbone("uncounted", Uncounted)
    for view in (Bytes, First, InPlace):
        registry.add_view(view.__name__.lower(), view)
'''

CONFIG = """
plugins: [{plugin}, recorder.py]
data: {{name: bars}}
backbone: {backbone}
method: {method}
task: {{name: pretraining}}
weights: {{size: 1}}
num_views: 2
views: {views}
{small}
training: {{epochs: 1, batch_size: 50, learning_rate: 1e-3}}
"""
ASYMMETRIC = "[[], [{name: solarize, probability: 1.0, threshold: 0.0}]]"
SMALL = "num_small_views: 3\nsmall_views: [{name: random_resized_crop, size: 4, scale: [0.1, 0.5]}]"


class Silent:
    """A display that shows nothing."""

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


@pytest.fixture
def build(tiny_config, tiny_text, tmp_path):
    """A run with these views, and the batches that its method gets to see."""

    def make(views="[]", small="", method="recorder", backbone="pooled"):
        (tmp_path / "recorder.py").write_text(RECORDER)
        plugin = tiny_text.split("[")[1].split("]")[0]
        tiny_config.write_text(CONFIG.format(plugin=plugin, views=views, small=small, method=method, backbone=backbone))
        plugins = load_plugins()
        config, folder = validate(load_tree(str(tiny_config)), plugins), RunFolder(tmp_path / "runs" / "r")
        run = build_run(config, plugins, folder)
        create(folder, config, {})
        return run, type(run.method).losses.__globals__["BATCHES"]

    return make


def test_a_batch_has_a_view_from_each_pipeline_and_small_ones_beside(build):
    run, batches = build(ASYMMETRIC, SMALL)
    train(run, Silent())
    assert len(batches) == 12
    for batch in batches:
        assert batch.images.shape == (2, 50, 1, 8, 8) and batch.small_images.shape == (3, 50, 1, 4, 4)
        assert (batch.images[1] == -batch.images[0]).all()
        assert [crop.shape[2] for crop in batch.crops] == [8, 8, 4, 4, 4]
        assert len(batch.small_images.flatten(1).unique(dim=0)) == 3


def test_without_small_views_there_are_none(build):
    run, batches = build()
    train(run, Silent())
    assert all(batch.small_images is None and len(batch.crops) == 2 for batch in batches)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"small": SMALL, "method": "blind"}, 'method "blind" does not look at small views'),
        (
            {"views": "[{name: random_resized_crop, size: 4}]"},
            "views are 4 by 4, images 8 by 8: that is for small_views",
        ),
        ({"small": SMALL, "backbone": "mlp"}, 'backbone "mlp" cannot take small views of 4 by 4: '),
        (
            {"backbone": "miscounted"},
            r'backbone "miscounted" gives features of shape \(2, 3\) for 2 images, and its num_features is 4: the shape must be',
        ),
        (
            {"backbone": "uncounted"},
            'backbone "uncounted" does not say how many features it gives: its __init__ must set self.num_features',
        ),
        (
            {"views": "[bytes]"},
            r'view "bytes" gives torch.uint8 of shape \(2, 1, 8, 8\) for images of torch.float32 and',
        ),
        (
            {"views": "[first]"},
            r'view "first" gives torch.float32 of shape \(1, 1, 8, 8\) .* only height and width may',
        ),
        ({"views": "[inplace]"}, 'view "inplace" changes the images that it is given: return new ones'),
        ({"views": "[{name: gaussian_blur, kernel_size: 17}]"}, "a blur of 17 pixels does not fit into images of 8"),
    ],
)
def test_views_and_backbones_that_cannot_be_trained_on_are_errors_before_training(build, options, message):
    with pytest.raises(ConfigError, match=message):
        build(**options)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "lars"])
def test_every_parameter_is_decayed_unless_biases_and_norms_are_excluded(build, optimizer):
    run, _ = build()
    for exclude, decayed, others in (("nothing", 2, 0), ("biases_and_norms", 1, 1)):
        training = run.config.training.model_copy(
            update={"optimizer": optimizer, "weight_decay": 0.1, "exclude_from_decay": exclude}
        )
        groups = make_optimizer(run.method, run.task, training).param_groups
        sizes = {group["weight_decay"]: [parameter.ndim for parameter in group["params"]] for group in groups}
        assert len(sizes[0.1]) == decayed and sizes.get(0.0, []) == [1] * others
        assert all(group["adapted"] == (group["weight_decay"] > 0) for group in groups)
