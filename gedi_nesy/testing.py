"""Contract checks for plugin authors: call them from a test of your own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from .config.options import Options
from .methods import Method, MethodContext, capabilities
from .models.backbone import Backbone
from .types import Batch, MethodOutput

SHAPE = (1, 8, 8)
NUM_CLASSES = 4
BATCH = 6
STEPS = 3
RATE = 1e-3
LABELS = torch.tensor([0, 1, 2, 3, 0, -1])  # one is not known


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


Shape = tuple[int, int, int]


def make_method(
    kind: type[Method],
    terms: set[str] | None = None,
    seed: int = 0,
    generator: torch.Generator | None = None,
    shape: Shape = SHAPE,
    **options: Any,
) -> Method:
    """A small method on 8x8 images, four classes and two views, for tests.

    Args:
        terms: the active terms, all by default.
        generator: the method's randomness; one of its own by default.
        shape: channels, height and width of an image; grey by default.
        options: the method's own options.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        active = frozenset(kind.TERMS if terms is None else terms)
        context = MethodContext(
            TinyBackbone(None, shape), shape, NUM_CLASSES, active, 2, generator or torch.Generator().manual_seed(seed)
        )
        return kind(kind.Options(**options), context)


def make_batch(seed: int = 0, shape: Shape = SHAPE) -> Batch:
    """Two views of six random images, and the images."""
    images = torch.rand(3, BATCH, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return Batch(images[:2], originals=images[2])


def check_method(kind: type[Method], shape: Shape = SHAPE, **options: Any) -> None:
    """Raise AssertionError unless the method keeps the contract of `gedi_nesy.Method`.

    Terms are finite scalars named in TERMS, under bf16 autocast too; only active ones are returned; gradients reach every
    trainable parameter; a method that was saved and loaded after some steps goes on alike; and each capability it claims gives
    the promised shapes.

    Args:
        shape: channels, height and width of the images to check with.
        options: the method's own options.
    """
    method, batch = make_method(kind, shape=shape, **options), make_batch(shape=shape)
    if kind.NEEDS_LABELS:
        batch = replace(batch, labels=LABELS)
    output = method.losses(batch, frozenset(kind.TERMS))
    assert output.terms or not kind.TERMS, "losses() returned no term"
    _check_terms(output.terms, kind)
    for name in output.terms:
        if not _stands_alone(kind, name, shape, options):
            continue
        only = make_method(kind, {name}, shape=shape, **options).losses(batch, frozenset({name})).terms
        assert set(only) == {name}, f"with {name} alone active, losses() returned {sorted(only)}"
    torch.autograd.backward(objective(output))
    _check_gradients(method)
    _check_half_precision(kind, batch, shape, options)
    _check_capabilities(method, output, batch)
    _check_resumes(kind, batch, shape, options)


def _check_terms(terms: dict[str, torch.Tensor], kind: type[Method]) -> None:
    for name, term in terms.items():
        assert name in kind.TERMS, f"term {name} is not in TERMS"
        assert term.shape == () and torch.isfinite(term), f"term {name} is not a finite scalar: {term}"


def _check_gradients(method: Method) -> None:
    for name, parameter in method.named_parameters():
        if parameter.requires_grad:
            reached = parameter.grad is not None and bool(torch.isfinite(parameter.grad).all())
            assert reached, f"no finite gradient reaches {name}"


def objective(output: MethodOutput) -> torch.Tensor:
    """The sum of the terms; for a method that leaves them to the task, minus the mean log-probability of the first class."""
    if output.terms:
        return torch.stack(
            [term.to(torch.promote_types(term.dtype, torch.float32)) for term in output.terms.values()]
        ).sum()
    assert output.class_log_probs is not None, "a method without terms gives class_log_probs, for a task to build on"
    return -output.class_log_probs[:, 0].mean()


def _stands_alone(kind: type[Method], name: str, shape: Shape, options: dict[str, Any]) -> bool:
    """Whether a method accepts this term without the others."""
    from .errors import ConfigError

    try:
        make_method(kind, {name}, shape=shape, **options)
    except ConfigError:
        return False
    return True


def _check_half_precision(kind: type[Method], batch: Batch, shape: Shape, options: dict[str, Any]) -> None:
    """A step in mixed precision."""
    method = make_method(kind, shape=shape, **options)
    with torch.autocast("cpu", torch.bfloat16):
        output = method.losses(batch, frozenset(kind.TERMS))
    _check_terms(output.terms, kind)
    for name, value in [*output.terms.items(), ("class_log_probs", output.class_log_probs)]:
        assert value is None or value.dtype == torch.float32, f"{name} is {value.dtype} under autocast, not float32"
    torch.autograd.backward(objective(output))
    _check_gradients(method)
    method.updated()


def _check_capabilities(method: Any, output: MethodOutput, batch: Batch) -> None:
    images, offers = batch.images[0], capabilities(method)
    method.eval()
    assert output.class_log_probs is None or "class_log_probs" in offers, (
        "losses() gives class_log_probs, which is not among the method's capabilities"
    )
    if "class_log_probs" in offers:
        for log_probs in (method.class_log_probs(images), output.class_log_probs):
            assert log_probs is not None, "losses() does not give class_log_probs, which the method claims to offer"
            assert log_probs.shape == (BATCH, NUM_CLASSES), f"class_log_probs has shape {tuple(log_probs.shape)}"
            assert torch.allclose(log_probs.exp().sum(dim=1), torch.ones(BATCH), atol=1e-5), (
                "class_log_probs is not normalised"
            )
        if "logits" in offers:
            assert torch.allclose(
                method.logits(images).log_softmax(dim=1), method.class_log_probs(images), atol=1e-5
            ), "class_log_probs is not the log softmax of logits"
    if "embed" in offers:
        assert method.embed(images).ndim == 2, "embed does not give (batch, features)"
    if "log_density" in offers:
        assert method.log_density(images).shape == (BATCH,), "log_density does not give (batch,)"
    _check_latents(method, offers, images)
    if "sample" in offers:
        state = {name: value.clone() for name, value in method.state_dict().items()}
        samples = method.sample(3, torch.Generator().manual_seed(0))
        assert samples.shape == (3, *images.shape[1:]), "sample does not give images"
        assert all(torch.equal(value, state[name]) for name, value in method.state_dict().items()), (
            "sample changed the method's state"
        )


def _check_latents(method: Any, offers: list[str], images: torch.Tensor) -> None:
    """Whatever gives latents, or takes them."""
    latents = method.encode(images) if "encode" in offers else None
    if "posterior" in offers:
        posterior = method.posterior(images)
        assert posterior.mean.shape == posterior.log_variance.shape and len(posterior.mean) == BATCH, (
            "posterior does not give a Gaussian for each image"
        )
        latents = posterior.mean
    if latents is None:
        return
    if "decode" in offers:
        decoded = method.decode(latents)
        assert decoded.shape == images.shape, f"decode gives {tuple(decoded.shape)}, not images"
        assert decoded.abs().max() <= 1, "decode gives pixels outside [-1, 1]"
    if "log_likelihood" in offers:
        assert method.log_likelihood(images, latents).shape == (BATCH,), "log_likelihood does not give (batch,)"
    if "log_prior" in offers:
        assert method.log_prior(latents).shape == (BATCH,), "log_prior does not give (batch,)"


def _check_resumes(kind: type[Method], batch: Batch, shape: Shape, options: dict[str, Any]) -> None:
    """A second object with the first one's state and generator must go on alike, queues and momentum copies included."""
    generators = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    first, second = (
        make_method(kind, seed=seed, generator=generators[seed], shape=shape, **options) for seed in (0, 1)
    )
    for _ in range(STEPS):
        _step(first, batch)
    second.load_state_dict(first.state_dict())
    for generator in generators:
        generator.manual_seed(7)
    for _ in range(STEPS):
        one, other = _step(first, batch), _step(second, batch)
        assert all(torch.equal(one[name], other[name]) for name in one), (
            "the terms of a reloaded method differ: some state is not in state_dict()"
        )


def _step(method: Method, batch: Batch) -> dict[str, torch.Tensor]:
    """A plain gradient step as the engine takes it; gives the terms before it."""
    output = method.losses(batch, frozenset(method.TERMS))
    method.zero_grad()
    torch.autograd.backward(objective(output))
    with torch.no_grad():
        for parameter in method.parameters():
            if parameter.grad is not None:
                parameter.sub_(parameter.grad, alpha=RATE)
    method.updated()
    return output.terms or {"objective": objective(output).detach()}
