"""The learnable probabilities `t(_)` of programs, as parameters that train with the networks."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedi_nesy.logic.formula import Learnable


class LearnableProbabilities(nn.Module):
    """The distributions of all `t(_)` of a program; constraints of one program share them.

    A distribution is a softmax over its free classes times the probability that its fixed classes leave. The start is the
    program's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sources: dict[str, Learnable] = {}
        self.logits = nn.ParameterList()

    def add(self, source: Learnable) -> None:
        """Make parameters for a source, unless a constraint before had the same one."""
        if source.name not in self.sources:
            self.sources[source.name] = source
            self.logits.append(nn.Parameter(_start(source)))

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Back to the program's start."""
        for source, logits in zip(self.sources.values(), self.logits, strict=True):
            logits.copy_(_start(source))

    def log_probs(self, source: Learnable) -> Float[Tensor, " classes"]:
        """The log-probabilities of a source's classes as they are now."""
        logits = self.logits[list(self.sources).index(source.name)]
        initial, is_fixed = torch.tensor(source.initial), torch.tensor(source.fixed)
        left = 1 - float(initial[is_fixed].sum())
        values = initial.to(logits).log()
        return values.masked_scatter(~is_fixed.to(logits.device), logits.log_softmax(0) + values.new_tensor(left).log())

    @torch.no_grad()
    def learned(self) -> dict[str, list[float]]:
        """The probabilities of every source, for results."""
        return {name: self.log_probs(source).exp().tolist() for name, source in self.sources.items()}


def _start(source: Learnable) -> Float[Tensor, " free"]:
    return torch.tensor([p for p, is_fixed in zip(source.initial, source.fixed, strict=True) if not is_fixed]).log()
