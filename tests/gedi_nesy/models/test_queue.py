"""The newest rows, the oldest ones leaving first."""

from __future__ import annotations

import torch

from gedi_nesy.models.queue import Queue


def numbered(*numbers):
    return torch.tensor(numbers, dtype=torch.float32)[:, None]


def test_new_rows_take_the_place_of_the_oldest():
    queue = Queue(4, 1)
    for rows in ((1, 2, 3), (4, 5, 6), (7,)):
        queue.push(numbered(*rows))
    assert queue.rows.flatten().tolist() == [5.0, 6.0, 7.0, 4.0]


def test_more_rows_than_places_leave_the_newest():
    queue = Queue(3, 1)
    queue.push(numbered(1))
    queue.push(numbered(*range(10, 18)))
    assert sorted(queue.rows.flatten().tolist()) == [15.0, 16.0, 17.0]
    queue.push(numbered(18))
    assert sorted(queue.rows.flatten().tolist()) == [16.0, 17.0, 18.0], "the oldest of them has left first"


def test_rows_are_kept_without_gradient_and_in_full_precision():
    queue = Queue(2, 1)
    queue.push(numbered(1, 2).to(torch.bfloat16).requires_grad_())
    assert not queue.rows.requires_grad and queue.rows.dtype == torch.float32


def test_it_is_full_when_no_random_row_is_left():
    queue = Queue(4, 2)
    torch.testing.assert_close(queue.rows.norm(dim=1), torch.ones(4))
    queue.push(torch.zeros(3, 2))
    assert not queue.is_full
    queue.push(torch.zeros(1, 2))
    assert queue.is_full and queue.is_full
    queue.load_state_dict(Queue(4, 2).state_dict())
    assert not queue.is_full


def test_it_is_saved_with_the_place_it_has_come_to():
    first, second = Queue(4, 1), Queue(4, 1)
    first.push(numbered(1, 2, 3))
    second.load_state_dict(first.state_dict())
    for queue in (first, second):
        queue.push(numbered(4, 5))
    assert torch.equal(first.rows, second.rows) and first.rows[0] == 5
