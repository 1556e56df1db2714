"""What becomes of a block whose workers die, without any worker."""

import threading

import pytest

from primacy.engine.jobs import Driver, NotFinished
from primacy.engine.ledger import HOPELESS, MAX_ATTEMPTS, MAX_SENT, Blocks, Task
from primacy.engine.plan import plan
from primacy.engine.walk import jobs_of
from tests.faults.study import study


class Future:
    def __init__(self):
        self.key = id(self)


@pytest.fixture
def told():
    """Seed-steps that the driver heard of."""
    return []


@pytest.fixture
def blocks(told):
    driver = Driver(lambda *_: None, told.append, lambda: None, threading.Event())
    return Blocks([Task(job) for job in jobs_of(study(4), plan(study(4)))], driver)


def sent(blocks):
    task, future = blocks.next(), Future()
    blocks.sent(task, future)
    return task, future


def begun(blocks, task, steps=0):
    attempt = f"attempt {len(task.attempts)}"
    return blocks.heard({"block": task.token, "attempt": attempt, "steps": steps})


def test_a_block_that_was_begun_three_times_is_left_out_and_named(blocks):
    for k in range(MAX_ATTEMPTS):
        task, future = sent(blocks)
        assert begun(blocks, task) is None
        assert blocks.landed(future) is task
        blocks.killed(task)
        assert len(blocks.left) == (k == MAX_ATTEMPTS - 1)
    assert task not in blocks.waiting
    assert blocks.report().startswith(
        "1 block could not be trained:\n  default, seed 0: its worker"
    )


def test_a_fourth_beginning_is_called_off(blocks):
    task, future = sent(blocks)
    for _ in range(MAX_ATTEMPTS):
        assert begun(blocks, task) is None
    assert begun(blocks, task) is future
    assert blocks.landed(future) is None  # what it may still give is not taken
    assert [left for left, _ in blocks.left] == [task]


def test_a_block_that_only_waited_on_a_dying_worker_is_sent_again_but_not_for_ever(blocks):
    for k in range(MAX_SENT):
        task, future = sent(blocks)
        blocks.landed(future)
        blocks.killed(task)
        assert (task in blocks.waiting) == (k < MAX_SENT - 1)


def test_files_that_a_worker_lacks_count_for_nothing(blocks):
    for _ in range(2 * MAX_SENT):
        task, future = sent(blocks)
        blocks.landed(future)
        blocks.returned(task)
    assert (task.times_sent, blocks.left) == (0, [])


def test_steps_are_told_once_although_a_block_starts_again(blocks, told):
    task, _ = sent(blocks)
    for attempt, steps in (("a", 3), ("a", 5), ("b", 2), ("b", 5), ("b", 9)):
        blocks.heard({"block": task.token, "attempt": attempt, "steps": steps})
    assert told == [3, 2, 4]
    blocks.done(task)
    assert blocks.heard({"block": task.token, "attempt": "c", "steps": 99}) is None
    assert sum(told) == 9


def test_a_run_in_which_nothing_works_ends_early(blocks):
    for k in range(HOPELESS):
        task, future = sent(blocks)
        blocks.landed(future)
        blocks.give_up_if_hopeless()
        blocks.failed(task, f"reason {k}")
    with pytest.raises(NotFinished, match="reason 2"):
        blocks.give_up_if_hopeless()


def test_a_lost_scheduler_loses_no_block(blocks):
    order = [task.token for task in blocks.waiting]
    for _ in range(3):
        sent(blocks)
    blocks.send_again()
    assert sorted(task.token for task in blocks.waiting) == sorted(order)
    assert blocks.flight == {}
