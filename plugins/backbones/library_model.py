"""Any image classifier of torchvision or timm by its name, without its last layer and with freshly drawn weights."""

from __future__ import annotations

import importlib
import inspect
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from gedi_nesy import Backbone, ConfigError, Options
from gedi_nesy.errors import did_you_mean
from gedi_nesy.models.mode import evaluating

# Set for the networks of torchvision that have them: no outputs beside the features in training, and weights drawn as ever
# without a warning that this may change.
DEFAULTS = {"aux_logits": False, "init_weights": True}


class LibraryModel(Backbone):
    """A network that `library` builds from the name `model`.

    What it cannot do with the data set's images (too small, the wrong number of channels) is said in the library's own words,
    before training.
    """

    class Options(Options):
        library: Literal["torchvision", "timm"] = "torchvision"
        """Where the model comes from; timm is not installed along: pip install timm."""
        model: str
        """Its name there, such as efficientnet_b0."""
        arguments: dict[str, bool | int | float | str] = {}
        """Further arguments of the model's builder, such as img_size of timm's vision transformers."""

    def __init__(self, options: Options, shape: tuple[int, int, int]) -> None:
        super().__init__(options, shape)
        if trained := options.arguments.keys() & {"weights", "pretrained"}:
            raise ConfigError(
                f"backbone.arguments.{min(trained)}: trained weights come from a file that start_from.path names, "
                "see docs/trained_networks.md",
                key="backbone.arguments",
            )
        build = _torchvision_model if options.library == "torchvision" else _timm_model
        try:
            self.layers = build(options.model, options.arguments, shape[0])
            self.num_features = self._count_features(shape)
        except (RuntimeError, ValueError, TypeError, AssertionError) as error:
            raise ConfigError(
                f"{options.library}'s {options.model} cannot be built for images of {'x'.join(map(str, shape))}: {error}. "
                "Choose another model or set backbone.arguments",
                key="backbone.model",
            ) from error

    def _count_features(self, shape: tuple[int, int, int]) -> int:
        """Also in training, which leaves no trace in running statistics or in the weights that are drawn next."""
        buffers = {name: buffer.clone() for name, buffer in self.layers.named_buffers()}
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            features = functional_call(self.layers, buffers, (torch.zeros(2, *shape),))
        if not isinstance(features, Tensor):
            raise TypeError(f"in training it gives {type(features).__name__}, not one tensor of features")
        with torch.no_grad(), evaluating(self):
            return int(self(torch.zeros(1, *shape)).shape[1])

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """Features of images with pixels in [-1, 1]."""
        features: Tensor = self.layers(images)
        return features.flatten(1)


class _GreyToColour(nn.Module):
    """One channel three times: torchvision's models take colour images."""

    def forward(self, images: Tensor) -> Tensor:
        return images.expand(-1, 3, -1, -1)


def _torchvision_model(name: str, arguments: dict[str, Any], channels: int) -> nn.Module:
    """The classifier with its last linear layer left out."""
    import torchvision.models  # slow to import

    _check_known(name, torchvision.models.list_models(module=torchvision.models), "torchvision")
    build = torchvision.models.get_model_builder(name)
    takes = inspect.signature(inspect.signature(build).return_annotation).parameters
    defaults = {argument: value for argument, value in DEFAULTS.items() if argument in takes}
    model: nn.Module = build(weights=None, **(defaults | arguments))
    linear = [path for path, layer in model.named_modules() if isinstance(layer, nn.Linear)]
    if not linear:
        raise ValueError("it has no linear layer to leave out")
    parent, _, attribute = linear[-1].rpartition(".")
    setattr(model.get_submodule(parent), attribute, nn.Identity())
    return nn.Sequential(_GreyToColour(), model) if channels == 1 else model


def _timm_model(name: str, arguments: dict[str, Any], channels: int) -> nn.Module:
    try:
        timm = importlib.import_module("timm")
    except ImportError:
        raise ConfigError("backbone.library timm is not installed: pip install timm", key="backbone.library") from None
    _check_known(name, timm.list_models(), "timm")
    model: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, in_chans=channels, **arguments)
    return model


def _check_known(name: str, known: list[str], library: str) -> None:
    if name not in known:
        raise ConfigError(
            f'{library} has no model "{name}".{did_you_mean(name, known)} It knows {len(known)}, such as '
            f"{', '.join(sorted(known)[:5])}",
            key="backbone.model",
        )
