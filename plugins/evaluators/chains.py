"""How sampler chains develop: images on their way from noise, and whether the density calls them likely at last."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gedi_nesy import DivergenceError, Evaluation, Evaluator, ImageGrid, Method, Options, Task
from gedi_nesy.data.dataset import to_pixels, to_unit_range
from gedi_nesy.evaluators import CHUNK
from gedi_nesy.samplers.sgld import SgldOptions, sample

MARKS = (0, 1, 2, 5)  # and ten times these, and so on: where a chain is looked at


class Chains(Evaluator):
    """Chains of SGLD from uniform noise, as a method's own sampler begins, seen at steps 0, 1, 2, 5, 10, ...

    A density that training has shaped draws noise towards images; its log-density should come up to that of test images and stay
    there. Far above them, chains have found what the model likes better than data.
    Protocol: the sampler of training or JEM's, see `SgldOptions`; pixels are not clamped.
    Chance: starts, noise and which test images (500), drawn from the run's seed.
    """

    REQUIRES = ("log_density",)

    class Options(Options):
        chains: Annotated[int, Field(gt=0, le=16)] = 8
        steps: Annotated[int, Field(gt=0)] = 200
        """Moves of each chain; how large they are is up to the method's own sampler."""
        sgld: SgldOptions | None = None
        """Step size and noise; by default those of the method's option `sgld`, or JEM's where it has none."""

    options: Options

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """The chains' images and log-densities, and how far their last log-density is from that of test images."""
        test = task.dataset.test.pixels
        order = torch.randperm(len(test), generator=self.context.generator("chains, test images"))
        test = test[order[:CHUNK].to(test.device)]
        data = self._finite(self._log_density(method, to_unit_range(test)), "test images").mean()
        steps, sgld = looked_at(self.options.steps), self._sgld(method)
        seen = self._run(method, steps, sgld, test)
        densities = self._finite(torch.stack([self._log_density(method, images) for images in seen]), "its chains")
        caption = (
            f"{self.options.chains} chains of SGLD from noise, one in each column, seen at these steps "
            f"(step size {sgld.step_size:g}, noise {sgld.noise_std:g})"
        )
        rows = tuple(f"step {step}" for step in steps)
        pictures = {"steps": ImageGrid(to_pixels(torch.cat(seen)), caption, self.options.chains, rows)}
        return Evaluation(
            {"chain_gap": float(densities[-1].mean() - data)},
            {
                "chain_gap": f"mean log p(x) of {self.options.chains} chains after {steps[-1]} steps from noise minus that of "
                f"{len(test)} test images"
            },
            {"chains": {"steps": steps, "log_density": densities.tolist(), "test_images": float(data)}},
            pictures if task.dataset.is_pictures else {},
        )

    def _sgld(self, method: Any) -> SgldOptions:
        """How a chain moves."""
        own = getattr(getattr(method, "options", None), "sgld", None)
        return self.options.sgld or (own if isinstance(own, SgldOptions) else SgldOptions())

    def _run(
        self, method: Any, steps: list[int], sgld: SgldOptions, like: Tensor
    ) -> list[Float[Tensor, "chains channels height width"]]:
        """The chains at each of these steps."""
        generator = self.context.generator("chains", like.device)
        shape = (self.options.chains, *like.shape[1:])
        chains = torch.rand(shape, generator=generator, device=like.device) * 2 - 1
        seen = [chains]
        for before, after in pairwise(steps):
            part = sgld.model_copy(update={"steps": after - before})
            chains = sample(method.log_density, chains, part, generator)
            seen.append(chains)
        return seen

    @staticmethod
    def _log_density(method: Any, images: Tensor) -> Float[Tensor, " images"]:
        found: Tensor = method.log_density(images)
        return found.detach().double().cpu()

    @staticmethod
    def _finite(values: Tensor, of: str) -> Tensor:
        if not torch.isfinite(values).all():
            raise DivergenceError(f"the method's log p(x) of {of} is not finite: it diverged")
        return values


def looked_at(last: int) -> list[int]:
    """0, 1, 2, 5, 10, 20, 50, ... up to the last step, which is there too."""
    marks = {mark * 10**power for power in range(len(str(last))) for mark in MARKS}
    return sorted({mark for mark in marks if mark <= last} | {last})
