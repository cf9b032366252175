"""Routes in processes of their own: measured in turns, and ended when they take too long."""

from __future__ import annotations

import multiprocessing
import sys
import time
import warnings
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor

from . import peers, routes
from .problems import NotPossible, Problem
from .routes import Route

BACKENDS: dict[str, Callable[[Problem, str], Route]] = {
    "circuit": routes.circuit,
    "literal": routes.literal,
    "enumeration": routes.enumeration,
    "klay": partial(peers.klay_sdd, semiring="real"),
    "klay-log": partial(peers.klay_sdd, semiring="log"),
    "klay-diagram": partial(peers.klay_diagram, semiring="real"),
    "klay-diagram-log": partial(peers.klay_diagram, semiring="log"),
    "deeplog": peers.deeplog,
    "deepproblog": routes.deepproblog,
}
EXAMPLES_CHECKED = 2
FEWEST_TURNS = 3
SECONDS_MEASURED = 0.1


class Competitor:
    """A route to a problem's loss, in a process that does nothing unless asked.

    Attributes:
        ground_seconds: of ProbLog's grounder.
        build_seconds: from the ground program to the first loss; DeepProbLog grounds once more.
        size: see `Route`.
        loss, gradient: of a few examples, with respect to their logits.
        examples: of the batch that is measured.
        rates: examples per second in each turn.
    """

    def __init__(self, backend: str, problem: Problem, options: Namespace) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["gedi_nesy_plugins.backends.deepproblog"])
        self.backend, self._limit = backend, options.limit
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, backend, problem, options), daemon=True)
        self._process.start()
        theirs.close()
        self.ground_seconds, self.build_seconds, self.size = self._ask("build")
        self.loss, self.gradient = self._ask("check")

    def deviation(self, other: Competitor) -> float:
        """Largest difference of loss and gradient from another's."""
        pairs = zip((self.loss, *self.gradient), (other.loss, *other.gradient), strict=True)
        return max(float(abs(one - two)) for one, two in pairs)

    def prepare(self, batch: int) -> None:
        """Choose how often a batch of this size is evaluated in a turn, which warms up."""
        self.rates: list[float] = []
        self._end = time.monotonic() + self._limit
        self.examples = self._ask("prepare", batch)

    def take_turn(self) -> None:
        """Measure once, unless that has taken long enough: the slowest get fewer turns."""
        if len(self.rates) < FEWEST_TURNS or time.monotonic() < self._end:
            self.rates.append(self._ask("measure"))

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()

    def _ask(self, *question: Any) -> Any:
        try:
            self._connection.send(question)
            if not self._connection.poll(self._limit):
                raise NotPossible(f"{question[0]}: > {self._limit:g} s")
            answer = self._connection.recv()
        except (EOFError, OSError):
            answer = NotPossible(f"{question[0]}: its process ended")
        except NotPossible:
            self.stop()
            raise
        if isinstance(answer, NotPossible):
            self.stop()
            raise answer
        return answer


def _serve(connection: Connection, backend: str, problem: Problem, options: Namespace) -> None:
    """Answer a competitor's questions until it is gone."""
    torch.set_num_threads(options.threads)
    if backend == "deeplog" and options.deeplog:
        sys.path.insert(0, options.deeplog)
    warnings.simplefilter("ignore")  # of peers
    server = _Server(backend, problem, options.device)
    while True:
        try:
            name, *arguments = connection.recv()
        except EOFError:
            return
        try:
            connection.send(getattr(server, name)(*arguments))
        except NotPossible as reason:
            connection.send(reason)
        except Exception as error:  # a peer that fails is a result
            connection.send(NotPossible(f"{name}: {type(error).__name__}: {str(error)[:80]}"))


class _Server:
    def __init__(self, backend: str, problem: Problem, device: str) -> None:
        self._backend, self.problem, self.device = backend, problem, device

    def build(self) -> tuple[float, float, str]:
        start = time.perf_counter()
        self.num_answers = len(self.problem.formula.roots)
        ground = time.perf_counter()
        self.route = BACKENDS[self._backend](self.problem, self.device)
        return ground - start, time.perf_counter() - ground, self.route.size

    def check(self) -> tuple[float, list[float]]:
        log_probs, answer = self._inputs(EXAMPLES_CHECKED)
        logits = log_probs.clone().requires_grad_()
        normalised = logits.log_softmax(2)
        loss = self.route.loss(normalised if self.route.takes_logs else normalised.exp(), answer)
        torch.autograd.backward(loss)
        assert logits.grad is not None
        return float(loss), logits.grad.flatten().tolist()

    def prepare(self, batch: int) -> int:
        examples = min(batch, self.route.max_batch)
        log_probs, self.answer = self._inputs(examples)
        self.leaf = (log_probs if self.route.takes_logs else log_probs.exp()).requires_grad_()
        self.passes = 1
        self.measure()
        self.passes = max(1, round(SECONDS_MEASURED * self.measure() / examples))
        return examples

    def measure(self) -> float:
        """Examples per second of forward and backward passes."""
        self._synchronize()
        start = time.perf_counter()
        for _ in range(self.passes):
            self.leaf.grad = None
            torch.autograd.backward(self.route.loss(self.leaf, self.answer))
        self._synchronize()
        return len(self.leaf) * self.passes / (time.perf_counter() - start)

    def _synchronize(self) -> None:
        if self.leaf.is_cuda:
            torch.cuda.synchronize()

    def _inputs(self, batch: int) -> tuple[Tensor, Tensor]:
        return self.problem.inputs(batch, self.num_answers, self.device)
