"""Contract checks for plugin authors: call them from a test of your own."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .config.options import Options
from .methods import Method, MethodContext, capabilities
from .models.backbone import Backbone
from .types import Batch

SHAPE = (1, 8, 8)
NUM_CLASSES = 4
BATCH = 6


class TinyBackbone(Backbone):
    """Flatten and one linear layer, for checks."""

    class Options(Options):
        """None."""

    def __init__(self, options: Any = None, shape: tuple[int, int, int] = SHAPE) -> None:
        super().__init__(options, shape)
        self.num_features = 5
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], 5), nn.Tanh())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Features (batch, 5)."""
        features: torch.Tensor = self.layers(images)
        return features


def make_method(
    kind: type[Method],
    terms: set[str] | None = None,
    seed: int = 0,
    generator: torch.Generator | None = None,
    **options: Any,
) -> Method:
    """A small method on 8x8 grey images and four classes, for tests.

    Args:
        terms: the active terms, all by default.
        generator: the method's randomness; one of its own by default.
        options: the method's own options.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        active = frozenset(kind.TERMS if terms is None else terms)
        context = MethodContext(
            TinyBackbone(), SHAPE, NUM_CLASSES, active, 2, generator or torch.Generator().manual_seed(seed)
        )
        return kind(kind.Options(**options), context)


def make_batch(seed: int = 0) -> Batch:
    """Two views of six random images."""
    return Batch(torch.rand(2, BATCH, *SHAPE, generator=torch.Generator().manual_seed(seed)) * 2 - 1)


def check_method(kind: type[Method], **options: Any) -> None:
    """Raise AssertionError unless the method keeps the contract of `gedi_nesy.Method`.

    Terms are finite scalars named in TERMS, only active ones are returned, gradients reach the parameters, a saved and loaded
    method goes on alike, and each capability it claims gives the promised shapes.
    """
    method, batch = make_method(kind, **options), make_batch()
    output = method.losses(batch, frozenset(kind.TERMS))
    assert output.terms, "losses() returned no term"
    for name, term in output.terms.items():
        assert name in kind.TERMS, f"term {name} is not in TERMS"
        assert term.shape == () and torch.isfinite(term), f"term {name} is not a finite scalar: {term}"
        only = (
            make_method(kind, {name}, **options).losses(batch, frozenset({name})).terms
            if _stands_alone(kind, name, options)
            else {name: term}
        )
        assert set(only) == {name}, f"with {name} alone active, losses() returned {sorted(only)}"
    torch.autograd.backward(torch.stack(list(output.terms.values())).sum())
    for name, parameter in method.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), f"no finite gradient reaches {name}"
    _check_capabilities(method, batch)
    _check_resumes(kind, batch, options)


def _stands_alone(kind: type[Method], name: str, options: dict[str, Any]) -> bool:
    """Whether a method accepts this term without the others."""
    from .errors import ConfigError

    try:
        make_method(kind, {name}, **options)
    except ConfigError:
        return False
    return True


def _check_capabilities(method: Any, batch: Batch) -> None:
    images, offers = batch.images[0], capabilities(method)
    method.eval()
    if "class_log_probs" in offers:
        log_probs = method.class_log_probs(images)
        assert log_probs.shape == (BATCH, NUM_CLASSES), f"class_log_probs has shape {tuple(log_probs.shape)}"
        assert torch.allclose(log_probs.exp().sum(dim=1), torch.ones(BATCH), atol=1e-5), (
            "class_log_probs is not normalised"
        )
    if "embed" in offers:
        assert method.embed(images).ndim == 2, "embed does not give (batch, features)"
    if "log_density" in offers:
        assert method.log_density(images).shape == (BATCH,), "log_density does not give (batch,)"
    if "sample" in offers:
        state = {name: value.clone() for name, value in method.state_dict().items()}
        assert method.sample(3, torch.Generator().manual_seed(0)).shape == (3, *SHAPE), "sample does not give images"
        assert all(torch.equal(value, state[name]) for name, value in method.state_dict().items()), (
            "sample changed the method's state"
        )


def _check_resumes(kind: type[Method], batch: Batch, options: dict[str, Any]) -> None:
    """A second object with the first one's state and generator must compute the same terms."""
    generators = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    first, second = (make_method(kind, seed=seed, generator=generators[seed], **options) for seed in (0, 1))
    second.load_state_dict(first.state_dict())
    for generator in generators:
        generator.manual_seed(7)
    active = frozenset(kind.TERMS)
    one, other = first.losses(batch, active).terms, second.losses(batch, active).terms
    assert all(torch.equal(one[name], other[name]) for name in one), (
        "the terms of a reloaded method differ: some state is not in state_dict()"
    )
