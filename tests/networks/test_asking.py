"""A compiled program calls a network from several threads; it answers one call after another."""

import threading
import time

import numpy as np

from primacy.networks import asking


def test_calls_of_one_program_do_not_meet_on_the_network():
    """Oracle: a count of who is inside. Two at once took each other's replaced layer for theirs."""
    line, inside, most = asking._Line(), [], []

    def answer():
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()
        return np.zeros(3)

    threads = [threading.Thread(target=line.called, args=(answer, (3,))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def test_after_an_error_no_other_call_is_answered():
    line = asking._Line()

    def failing():
        raise ValueError("no")

    assert np.isnan(line.called(failing, (2,))).all()
    assert np.isnan(line.called(lambda: np.zeros(2), (2,))).all()
    assert isinstance(line.error, ValueError)
