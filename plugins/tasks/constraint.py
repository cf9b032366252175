"""A ProbLog query over tuples of images is known to hold: the knowledge that replaces labels.

    nesy     -log p(query | images), the semantic loss; minimum 0

An example is one instance of the query template: an image for each slot and, where the template has label columns, their
values. Examples come from the rows of a table of the user's own images, or are made from a labelled data set: the classes of
the slots are drawn uniformly among all readings for which the query can be proved, then each class gets a random image, every
image at most once. For the sum triple this is appendix N of the GEDI paper: a and b uniform with a + b <= 9. The labels are
used for nothing else, unless `labelled` says so; training sees images and answers.

Source: Xu et al. 2018 (semantic loss); Manhaeve et al. 2018 (DeepProbLog); GEDI 2024 section 6.4.
Config: configs/mnist_addition.yaml
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from gedi_nesy import Batch, ConfigError, Examples, Method, MethodOutput, Options, Selection, Task, TaskContext, Term
from gedi_nesy.config.files import ProgramFile
from gedi_nesy.data.drawn_examples import Drawer
from gedi_nesy.data.table_examples import examples_of_table
from gedi_nesy.errors import ProgramError
from gedi_nesy.evaluators import predict
from gedi_nesy.logic.circuit_constraint import CircuitConstraint
from gedi_nesy.logic.drawing import answers_svg
from gedi_nesy.logic.examples import Structure
from gedi_nesy.logic.known_classes import UNKNOWN
from gedi_nesy.logic.limits import Limits
from gedi_nesy.logic.naming import choice_names
from gedi_nesy.logic.probabilities import has_chance
from gedi_nesy.logic.program import Program, load_program
from gedi_nesy.logic.query import QueryTemplate
from gedi_nesy.logic.shortcuts import count_shortcuts_of
from gedi_nesy.logic.structures import Structures
from gedi_nesy.logic.support import ALL, training

SHORTCUT_NODES = 20_000  # a few seconds of counting at the end of a run


class ConstraintTask(Task):
    """Images in tuples, each tuple an instance of a query that holds."""

    TERMS = {"nesy": "-log p(query | images), the semantic loss"}
    NEEDS = ("class_log_probs",)

    class Options(Options):
        program: ProgramFile
        """ProbLog file, by path (relative to the config) or bundled name."""
        query: str
        """Query template, such as `addition(A, B, Total)`; several goals joined by commas hold together."""
        arguments: dict[str, Literal["image", "images", "label", "constant"]]
        """What each variable of the template is: an image, a list of images, a label column, or a value given beforehand."""
        networks: dict[str, Literal["method"] | list[str]]
        """What feeds each network of the program: `method` is the trained method's class probabilities, a list of class
        names is the method's probabilities among those classes."""
        examples: Annotated[int, Field(gt=0)] | None = None
        """Training examples to draw from labelled images; not for tables, whose rows are the examples."""
        test_examples: Annotated[int, Field(gt=0)] = 200
        """Held-out examples to draw, made of test images only."""
        lengths: dict[str, list[Annotated[int, Field(ge=0)]]] = {}
        """Lengths of each list of images in drawn examples, such as `{Digits: [1, 2, 3]}`."""
        constants: dict[str, list[str]] = {}
        """Values of each constant in drawn examples."""
        columns: dict[str, str] = {}
        """The table's column of each variable, where the names differ."""
        target: str | None = None
        """The table's column with the probability that the query holds; 0 is a negative example."""
        labelled: Annotated[float, Field(ge=0, le=1)] = 0.0
        """Share of the training images with a class whose class is told: hard evidence beside the query."""
        backend: str = "circuit"
        """Logic engine: circuit, or deepproblog (the slow reference)."""
        allow_python: bool = False
        """Let the program load Python files and other programs, which then run. Those that it names are kept with the run."""
        limits: Limits = Limits()
        """Of time, memory and size when the program is grounded and compiled."""

    def __init__(self, options: Options, context: TaskContext) -> None:
        self.dataset, self.active, self.options = context.dataset, context.active, options
        self.num_classes = len(context.dataset.classes)
        program = self.program = load_program(options.program, allow_python=options.allow_python)
        classes = _classes_of_networks(program, options.networks, context.dataset.classes)
        build = context.registry.find("logic_backend", options.backend, key="task.backend").load()
        structures = Structures(
            program, _template(options), classes, build, options.limits, complements=options.target is not None
        )
        make = self._read_tables if context.dataset.train_table else self._draw
        train, test = make(structures, context)
        train = self._tell_classes(train, context)
        # Training touches the images of its examples and nothing else; rows are counted among these.
        used, rows = torch.unique(train.slots[train.slots >= 0], return_inverse=True)
        pixels = context.dataset.train.pixels
        self.train_pixels = pixels[used.to(pixels.device)]
        slots = torch.full_like(train.slots, -1)
        slots[train.slots >= 0] = rows
        self.train_examples, self.test_examples = train.of_images(slots), test
        self.constraint = structures.family(self.num_classes).to(pixels.device)
        self.constraint.check_known(self.train_examples.to(pixels.device))
        self.trained = structures.learnable.to(pixels.device)
        self.structures = structures

    def _draw(self, structures: Structures, context: TaskContext) -> tuple[Examples, Examples]:
        """Training and held-out examples from labelled images."""
        options = self.options
        if options.examples is None:
            raise ConfigError(
                "task.examples says how many examples to draw from the labelled images", key="task.examples"
            )
        wanted = _structures(structures.template, options.lengths, options.constants)
        counts = {"train": options.examples, "test": options.test_examples}
        keys = {"train": "task.examples", "test": "task.test_examples"}
        before = dict(zip(counts, context.dataset.before or (0, 0), strict=True))
        drawn = []
        for split, count in counts.items():
            labels = getattr(context.dataset, split).labels.cpu()
            # Of fewer images than the config was made for, as many fewer examples.
            fitting = max(1, count * len(labels) // before[split]) if len(labels) < before[split] else count
            drawn.append(Drawer(labels, context.generator, split, keys[split]).draw(structures, wanted, fitting))
        return drawn[0], drawn[1]

    def _read_tables(self, structures: Structures, context: TaskContext) -> tuple[Examples, Examples]:
        """Training and held-out examples from the tables' rows."""
        names = [name for name, _ in structures.template.arguments]
        columns = {name: self.options.columns.get(name, name) for name in names}
        train, test = context.dataset.train_table, context.dataset.test_table
        if self.options.examples is not None:
            raise ConfigError("the rows of the table are the examples: leave task.examples out", key="task.examples")
        assert train is not None
        if test is None:
            raise ConfigError("the data has a table of training examples and none of held-out ones", key="data")
        return (
            examples_of_table(train, structures, columns, self.options.target),
            examples_of_table(test, structures, columns, self.options.target),
        )

    def _tell_classes(self, examples: Examples, context: TaskContext) -> Examples:
        """The examples with the classes of a random share of the images known."""
        if not self.options.labelled:
            return examples
        labels = context.dataset.train.labels.cpu()
        told = torch.rand(len(labels), generator=context.generator) < self.options.labelled
        known = torch.where(told, labels, UNKNOWN)[examples.slots.clamp(min=0)]
        return replace(examples, known=torch.where(examples.slots >= 0, known, UNKNOWN))

    def num_steps(self, batch_size: int) -> int:
        """Whole batches, at least one."""
        return max(1, len(self.train_examples) // batch_size)

    def epoch(self, batch_size: int, generator: torch.Generator) -> Iterator[Selection]:
        """Batches of examples in a random order; the images of an example stand side by side."""
        order = torch.randperm(len(self.train_examples), generator=generator)
        device = self.train_pixels.device
        for step in range(self.num_steps(batch_size)):
            examples = self.train_examples[order[step * batch_size : (step + 1) * batch_size]]
            is_there = examples.slots >= 0
            slots = torch.full_like(examples.slots, -1)
            slots[is_there] = torch.arange(int(is_there.sum()))
            yield Selection(
                examples.slots[is_there].to(device, non_blocking=True), examples.of_images(slots).to(device)
            )

    def terms(self) -> dict[str, Term]:
        """nesy is 0 when every query holds for sure; chance is what uniform guesses give.

        With targets between 0 and 1, or with facts of the program that hold by chance, the minimum is something else and not told.
        """
        if "nesy" not in self.active:
            return {}
        minimum = None if self.train_examples.target is not None or has_chance(self.program) else 0.0
        return {"nesy": Term(self.TERMS["nesy"], known_minimum=minimum, chance=self._chance())}

    @torch.no_grad()
    def _chance(self) -> float:
        """nesy of a method that gives every class the same probability."""
        uniform = torch.zeros(len(self.train_pixels), self.num_classes, device=self.train_pixels.device).log_softmax(1)
        return float(self.constraint.loss(uniform, self.train_examples.to(uniform.device)))

    def fit(self, method: Method) -> dict[str, float]:
        """nesy on the training examples, images as they are."""
        log_probs = predict(method, self.train_pixels)
        return {"nesy": float(self.constraint.loss(log_probs, self.train_examples.to(log_probs.device)))}

    def facts(self) -> dict[str, Any]:
        """The query, its examples, the size of its largest circuit and what its `t(_)` have become."""
        constraints = self.constraint.constraints
        sizes = [constraint.size() for constraint in constraints]
        learned = self.structures.learnable.learned()
        return (
            {
                "query": self.options.query,
                "program": Path(self.options.program).name,
                "backend": self.options.backend,
                "examples": len(self.train_examples),
                "structures": len(constraints),
                "answers": max(len(constraint.answers) for constraint in constraints),
            }
            | {name: max(size[name] for size in sizes) for name in sizes[0]}
            | self._shortcuts
            | ({"learned": learned} if learned else {})
        )

    def drawings(self) -> dict[str, str]:
        """The circuit of the first structure: all its answers, or the first one alone where that is what fits a picture."""
        constraint = self.constraint.constraints[0]
        if not isinstance(constraint, CircuitConstraint):
            return {}
        circuit = constraint.circuit
        names = choice_names(circuit, constraint.template)
        for answers in (circuit.answers, circuit.answers[:1]):
            try:
                return {"circuit": answers_svg(circuit, names, answers)}
            except ProgramError:
                continue
        return {}

    @cached_property
    def _shortcuts(self) -> dict[str, int]:
        """How many readings of the classes satisfy every structure of the query; empty where nobody can count."""
        constraints = [each for each in self.constraint.constraints if isinstance(each, CircuitConstraint)]
        asking = [each for each in constraints if each.circuit.choices]  # a single image is always sorted
        if not asking or len(constraints) < len(self.constraint.constraints):
            return {}
        try:
            parts = [training(each.circuit, each.template, ALL) for each in asking]
            report = count_shortcuts_of(parts, self.options.query, max_nodes=SHORTCUT_NODES)
        except ProgramError:
            return {}
        used = {} if report.permutations is None else {"readings_that_use_all_classes": report.permutations}
        return {"readings_that_satisfy": report.maps} | used

    def losses(self, output: MethodOutput, batch: Batch, active: frozenset[str]) -> dict[str, Float[Tensor, ""]]:
        """The semantic loss, from the class probabilities that the method has computed anyway."""
        if "nesy" not in active:
            return {}
        if output.class_log_probs is None or batch.examples is None:
            raise ConfigError(
                "the term nesy needs class probabilities, which this method does not compute; weigh nesy 0 or choose another method",
                key="method.name",
            )
        return {"nesy": self.constraint.loss(output.class_log_probs, batch.examples)}


def _structures(
    template: QueryTemplate, lengths: Mapping[str, Sequence[int]], constants: Mapping[str, Sequence[str]]
) -> list[Structure]:
    """Every combination of the lengths and constants that drawn examples shall have."""
    for name, given, key in (
        *((name, lengths, "task.lengths") for name in template.lists),
        *((name, constants, "task.constants") for name in template.constants),
    ):
        if not given.get(name):
            raise ConfigError(f"say in {key} what {name} may be in drawn examples", key=key)
    list_choices = [[(name, length) for length in lengths[name]] for name in template.lists]
    constant_choices = [[(name, value) for value in constants[name]] for name in template.constants]
    return [
        Structure(chosen[: len(list_choices)], chosen[len(list_choices) :])  # type: ignore[arg-type]
        for chosen in itertools.product(*list_choices, *constant_choices)
    ]


def _template(options: ConstraintTask.Options) -> QueryTemplate:
    try:
        return QueryTemplate.parse(options.query, options.arguments)
    except ProgramError as error:
        raise ConfigError(error.message, key="task.query") from error


def _classes_of_networks(
    program: Program, networks: Mapping[str, str | list[str]], classes: tuple[str, ...]
) -> dict[str, list[int]]:
    """The data set's classes that each network tells apart; every network of the program is bound, and nothing else is."""
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
    faults += [
        ConfigError(
            f'task.networks.{name} names the class "{label}". Classes of the data: {", ".join(classes)}',
            key="task.networks",
        )
        for name, bound in networks.items()
        if isinstance(bound, list)
        for label in bound
        if label not in classes
    ]
    faults += [
        ConfigError(f"task.networks.{name} names a class twice: {', '.join(bound)}", key="task.networks")
        for name, bound in networks.items()
        if isinstance(bound, list) and len(set(bound)) < len(bound)
    ]
    if faults:
        raise ConfigError(faults)
    return {
        name: [classes.index(label) for label in bound] if isinstance(bound, list) else list(range(len(classes)))
        for name, bound in networks.items()
    }
