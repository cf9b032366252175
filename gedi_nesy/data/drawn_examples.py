"""Examples of a query, made from images with labels: training then sees images and answers, never a label."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from ..errors import DataError
from ..logic.examples import Examples, Structure
from ..logic.structures import Structures
from ..logic.worlds import Worlds, sample_worlds

MIN_WORLDS = 64  # readings drawn at once, so that a few unlucky ones decide nothing
MAX_EMPTY_ROUNDS = 5  # after which the images are said not to suffice


class Drawer:
    """Draws examples over the images of one split, each image used at most once.

    Args:
        labels: of the images.
        generator: randomness of readings and images.
        split: name of the split, for errors.
        key: config key that says how many examples are wanted, for errors.
    """

    def __init__(self, labels: Int[Tensor, " images"], generator: torch.Generator, split: str, key: str) -> None:
        self.num_images, self.split, self.key, self.generator = len(labels), split, key, generator
        self._pools = {int(label): _shuffled(labels == label, generator) for label in torch.unique(labels)}
        self._num_drawn = 0

    def draw(self, structures: Structures, wanted: Sequence[Structure], count: int) -> Examples:
        """`count` examples, as evenly spread over the wanted structures as can be.

        Raises:
            DataError: the images do not suffice.
            ProgramError: a structure has no proof.
        """
        counts = [count // len(wanted) + (number < count % len(wanted)) for number in range(len(wanted))]
        parts = [
            self._draw_one(structures, structure, share, count)
            for structure, share in zip(wanted, counts, strict=True)
            if share
        ]
        return Examples.joined(parts)

    def _draw_one(self, structures: Structures, structure: Structure, share: int, count: int) -> Examples:
        """Readings are uniform among those the program can prove; one that asks for a class with no image left is drawn again."""
        template, circuit = structure.bind(structures.template), structures.circuit(structure)
        # A backend may count answers that can never hold, so they are matched by what they say.
        position = [structures.constraint(structure).answers.index(answer) for answer in circuit.answers]
        chosen: list[list[int]] = []
        answers: list[int] = []
        empty_rounds = 0
        while len(chosen) < share:
            worlds = sample_worlds(circuit, template, max(share, MIN_WORLDS), self.generator)
            before = len(chosen)
            for reading, answer in zip(self._labels(worlds, structures), worlds.answer.tolist(), strict=True):
                if len(chosen) < share and all(len(self._pools.get(k, ())) >= reading.count(k) for k in reading):
                    chosen.append([self._pools[label].pop() for label in reading])
                    answers.append(position[answer])
            empty_rounds = empty_rounds + 1 if len(chosen) == before else 0
            if empty_rounds == MAX_EMPTY_ROUNDS:
                raise self._too_few(self._num_drawn + len(chosen), count)
        self._num_drawn += share
        number = torch.full((share,), structures.number(structure))
        return Examples(torch.tensor(chosen).view(share, -1), torch.tensor(answers), number)

    def _labels(self, worlds: Worlds, structures: Structures) -> list[list[int]]:
        """The data set's class of each slot of each world; any class for a slot that no answer looks at."""
        columns = []
        for slot, network in enumerate(worlds.networks):
            if network is None:
                known = torch.tensor([label for label, pool in self._pools.items() if pool] or list(self._pools))
                columns.append(known[torch.randint(len(known), (len(worlds.classes),), generator=self.generator)])
            else:
                columns.append(torch.tensor(structures.classes[network])[worlds.classes[:, slot]])
        readings: list[list[int]] = torch.stack(columns, dim=1).tolist()
        return readings

    def _too_few(self, drawn: int, count: int) -> DataError:
        return DataError(
            f"the {self.num_images} images of the {self.split} split suffice for {drawn} examples, {count} are asked for; "
            "every image is used at most once",
            key=self.key,
        )


def _shuffled(mask: Tensor, generator: torch.Generator) -> list[int]:
    rows = torch.nonzero(mask).flatten()
    shuffled: list[int] = rows[torch.randperm(len(rows), generator=generator)].tolist()
    return shuffled
