"""The shortest path of the program is Dijkstra's, on maps of every kind."""

from __future__ import annotations

import heapq
import itertools
import random

import pytest
import torch

from gedi_nesy import Constraint

PRICES = {0: 1, 1: 2}  # grass, forest; water (2) cannot be entered


@pytest.fixture(scope="module")
def constraint():
    cells = [f"{row}{column}" for row in "ABCD" for column in "1234"]
    query = f"shortest_path([{', '.join(cells)}], Cost)"
    return Constraint.from_program("shortest_path", query=query, networks={"terrain_net": cells})


def dijkstra(kinds):
    """Least cost from the first cell to the last, None without a way."""
    seen, queue = set(), [(PRICES[kinds[0]], 0)] if kinds[0] in PRICES else []
    while queue:
        cost, cell = heapq.heappop(queue)
        if cell == 15:
            return cost
        if cell in seen:
            continue
        seen.add(cell)
        for other in range(16):
            rows, columns = abs(cell // 4 - other // 4), abs(cell % 4 - other % 4)
            if rows + columns == 1 and kinds[other] in PRICES:
                heapq.heappush(queue, (cost + PRICES[kinds[other]], other))
    return None


def test_random_maps_have_dijkstras_cost(constraint):
    draw = random.Random(0)
    maps = [draw.choices([0, 1, 2], [4, 4, draw.randint(0, 6)], k=16) for _ in range(400)]
    costs = [dijkstra(kinds) for kinds in maps]
    assert {None, 8, 11} <= set(costs)
    answers = [constraint.answer_index([cost or "none"]) for cost in costs]
    assert constraint.satisfied(torch.tensor(maps), torch.tensor(answers)).all()


def test_every_map_has_one_answer(constraint):
    log_probs = torch.randn(5, 16, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).log_softmax(2)
    torch.testing.assert_close(constraint(log_probs).exp().sum(1), torch.ones(5, dtype=torch.float64))


def test_no_map_forces_a_dearer_way_than_the_program_looks_for():
    """All maps of forest and water, without those that are water where every way begins or ends."""
    costs = {dijkstra([1, *inner, 1]) for inner in itertools.product([1, 2], repeat=14)}
    assert costs == {14, None}
