"""A ProbLog query over tuples of images is known to hold: the knowledge that replaces labels.

    nesy     -log p(query | images), the semantic loss; minimum 0

An example is one instance of the query template: an image for each slot and, where the template has label columns, their
values. Examples are made from a labelled data set: the classes of the slots are drawn uniformly among all readings for which
the query can be proved, then each class gets a random image, every image at most once. For the sum triple this is appendix N
of the GEDI paper: a and b uniform with a + b <= 9. The labels are used for nothing else; training sees images and answers.

Source: Xu et al. 2018 (semantic loss); Manhaeve et al. 2018 (DeepProbLog); GEDI 2024 section 6.4.
Config: configs/mnist_addition.yaml
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from gedi_nesy import (
    Batch,
    Constraint,
    DataError,
    Examples,
    Method,
    MethodOutput,
    Options,
    Selection,
    Task,
    TaskContext,
    Term,
)
from gedi_nesy.config.files import ProgramFile
from gedi_nesy.errors import ConfigError, ProgramError
from gedi_nesy.evaluators import predict
from gedi_nesy.logic.circuit_constraint import CircuitConstraint, build_constraint
from gedi_nesy.logic.program import Program, load_program
from gedi_nesy.logic.query import QueryTemplate


class ConstraintTask(Task):
    """Images in tuples, each tuple an instance of a query that holds."""

    TERMS = {"nesy": "-log p(query | images), the semantic loss"}

    class Options(Options):
        program: ProgramFile
        """ProbLog file, by path (relative to the config) or bundled name."""
        query: str
        """Query template, such as `addition(A, B, Total)`."""
        arguments: dict[str, Literal["image", "label"]]
        """What each variable of the template is: an image slot or a label column."""
        networks: dict[str, Literal["method"]]
        """What feeds each network of the program; `method` is the trained method's class probabilities."""
        examples: Annotated[int, Field(gt=0)]
        """Training examples."""
        test_examples: Annotated[int, Field(gt=0)] = 200
        """Held-out examples, made of test images only."""
        backend: str = "circuit"
        """Logic engine: circuit, or deepproblog (the slow reference)."""
        allow_python: bool = False
        """Let the program load Python files and other programs."""

    def __init__(self, options: Options, context: TaskContext) -> None:
        self.dataset, self.active = context.dataset, context.active
        self.num_classes = len(context.dataset.classes)
        program = load_program(options.program, allow_python=options.allow_python)
        _check_networks(program, options.networks)
        template = _template(options)
        circuit = build_constraint(program, template, self.num_classes)
        train, test = context.dataset.train, context.dataset.test
        examples = draw_examples(circuit, train.labels.cpu(), options.examples, context.generator, "train")
        self.test_examples = draw_examples(circuit, test.labels.cpu(), options.test_examples, context.generator, "test")
        # Training touches the images of its examples and nothing else; rows are counted among these.
        used, rows = torch.unique(examples.slots, return_inverse=True)
        self.train_pixels = train.pixels[used.to(train.pixels.device)]
        self.train_examples = Examples(rows, examples.answer)
        self.images_per_example = len(template.slots)
        self._facts = {
            "query": options.query,
            "program": Path(options.program).name,
            "backend": options.backend,
            "examples": options.examples,
            "answers": len(circuit.answers),
            "choices": len(circuit.circuit.choices),
            "nodes": circuit.circuit.num_nodes,
            "edges": circuit.circuit.num_edges,
        }
        device = train.pixels.device
        build = context.registry.find("logic_backend", options.backend, key="task.backend").load()
        constraint: Constraint = circuit if build is build_constraint else build(program, template, self.num_classes)
        if constraint.answers != circuit.answers:
            raise ConfigError(
                f'the backend "{options.backend}" orders the answers of the query differently', key="task.backend"
            )
        self.constraint = constraint.to(device)

    def num_steps(self, batch_size: int) -> int:
        """Whole batches, at least one."""
        return max(1, len(self.train_examples) // batch_size)

    def epoch(self, batch_size: int, generator: torch.Generator) -> Iterator[Selection]:
        """Batches of examples in a random order; the images of an example stand side by side."""
        order = torch.randperm(len(self.train_examples), generator=generator)
        device = self.train_pixels.device
        for step in range(self.num_steps(batch_size)):
            chosen = order[step * batch_size : (step + 1) * batch_size]
            rows = self.train_examples.slots[chosen]
            slots = torch.arange(rows.numel()).view_as(rows)
            yield Selection(rows.flatten().to(device), slots.to(device), self.train_examples.answer[chosen].to(device))

    def terms(self) -> dict[str, Term]:
        """nesy is 0 when every query holds for sure; chance is what uniform guesses give."""
        if "nesy" not in self.active:
            return {}
        return {"nesy": Term(self.TERMS["nesy"], known_minimum=0.0, chance=self._chance())}

    @torch.no_grad()
    def _chance(self) -> float:
        """nesy of a method that gives every class the same probability."""
        examples = self.train_examples.to(self.train_pixels.device)
        uniform = torch.zeros(*examples.slots.shape, self.num_classes, device=examples.slots.device).log_softmax(dim=2)
        return float(self.constraint.loss(uniform, examples.answer))

    def fit(self, method: Method) -> dict[str, float]:
        """nesy on the training examples, images as they are."""
        log_probs = predict(method, self.train_pixels)
        examples = self.train_examples.to(log_probs.device)
        return {"nesy": float(self.constraint.loss(log_probs[examples.slots], examples.answer))}

    def facts(self) -> dict[str, Any]:
        """The query, its examples and the size of its circuit."""
        return self._facts

    def losses(self, output: MethodOutput, batch: Batch, active: frozenset[str]) -> dict[str, Float[Tensor, ""]]:
        """The semantic loss, from the class probabilities that the method has computed anyway."""
        if "nesy" not in active:
            return {}
        if output.class_log_probs is None or batch.slots is None or batch.answer is None:
            raise ConfigError(
                "the term nesy needs class probabilities, which this method does not compute; weigh nesy 0 or choose another method",
                key="method.name",
            )
        return {"nesy": self.constraint.loss(output.class_log_probs[batch.slots], batch.answer)}


def draw_examples(
    constraint: CircuitConstraint, labels: Int[Tensor, " images"], count: int, generator: torch.Generator, split: str
) -> Examples:
    """Examples over the images of one split, each image used at most once.

    Readings are uniform among those the program can prove; a reading that asks for a class with no image left is drawn again.

    Raises:
        DataError: the images do not suffice.
    """
    pools = {int(label): _shuffled(labels == label, generator) for label in torch.unique(labels)}
    chosen: list[list[int]] = []
    answers: list[int] = []
    while len(chosen) < count:
        classes, answer = constraint.sample_worlds(count, generator)
        before = len(chosen)
        for reading, index in zip(classes.tolist(), answer.tolist(), strict=True):
            if len(chosen) < count and all(len(pools.get(label, ())) >= reading.count(label) for label in reading):
                chosen.append([pools[label].pop() for label in reading])
                answers.append(index)
        if len(chosen) == before:
            raise DataError(
                f"the {len(labels)} images of the {split} split suffice for {len(chosen)} examples, {count} are asked for; "
                "every image is used at most once",
                key="task.examples" if split == "train" else "task.test_examples",
            )
    return Examples(torch.tensor(chosen), torch.tensor(answers))


def _shuffled(mask: Tensor, generator: torch.Generator) -> list[int]:
    rows = torch.nonzero(mask).flatten()
    shuffled: list[int] = rows[torch.randperm(len(rows), generator=generator)].tolist()
    return shuffled


def _template(options: ConstraintTask.Options) -> QueryTemplate:
    try:
        return QueryTemplate.parse(options.query, options.arguments)
    except ProgramError as error:
        raise ConfigError(error.message, key="task.query") from error


def _check_networks(program: Program, networks: dict[str, Literal["method"]]) -> None:
    """Every network of the program is bound, and nothing else is."""
    wanted = {predicate.network: predicate for predicate in program.neural_predicates}
    faults = [
        ConfigError(
            f'network "{name}" of {predicate.functor}/{predicate.arity} is not bound. Add to task.networks: {{{name}: method}}',
            predicate.position,
        )
        for name, predicate in wanted.items()
        if name not in networks
    ]
    faults += [
        ConfigError(
            f'task.networks binds "{name}", which {program.source} does not use. Its networks: {", ".join(wanted) or "none"}',
            key="task.networks",
        )
        for name in networks
        if name not in wanted
    ]
    if faults:
        raise ConfigError(faults)
