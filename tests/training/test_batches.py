"""What a block draws while it trains: pages of a stream, and of the order of a fixed set."""

import dataclasses
import itertools

import jax
import numpy as np

from primacy.rng import streams
from primacy.tasks.regression import Affine
from primacy.training.batches import PAGE_EXAMPLES, pages
from tests.support import tiny

PLAIN = (None, streams(0, "control"))
SHUFFLED = "shuffled labels"


def taken(condition, data, controls, count=3):
    """The first pages of lanes with these generators."""
    book = pages(condition, data, data, controls)
    return [jax.device_get(page) for page in itertools.islice(book, count)]


def affine():
    stream = tiny.condition(batch_size=1, examples="stream", epochs=None, steps=4000)
    return dataclasses.replace(stream, task=Affine(noise=1.0))


def test_a_stream_goes_on_from_page_to_page():
    # Oracle: NumPy's generator of that name, asked once for all of it.
    seed = streams(5, "data")
    drawn = taken(affine(), [seed], [PLAIN])
    for name in ("y", "noise1"):
        told = np.concatenate([sources.inputs[name][0].ravel() for _, _, sources in drawn])
        whole = seed("stream", name).standard_normal(3 * PAGE_EXAMPLES, dtype=np.float32)
        np.testing.assert_array_equal(told, whole)
        assert np.unique(told).size > 0.99 * told.size


def test_what_a_lane_draws_does_not_depend_on_the_lanes_beside_it():
    one, two = streams(5, "data"), streams(6, "data")
    shuffled = (SHUFFLED, streams(5, "control"))
    alone = taken(affine(), [one], [shuffled])
    beside = taken(affine(), [two, one, one, one], [PLAIN, shuffled, shuffled, PLAIN])
    for (_, _, single), (_, _, several) in zip(alone, beside, strict=True):
        for name in ("y", "noise1"):
            for part in ("inputs", "targets"):
                own = getattr(single, part)[name][0]
                for lane in (1, 2):
                    np.testing.assert_array_equal(getattr(several, part)[name][lane], own)
            np.testing.assert_array_equal(several.inputs[name][3], single.inputs[name][0])


def test_other_targets_of_a_control_are_never_its_own():
    for _, _, sources in taken(affine(), [streams(5, "data")], [(SHUFFLED, streams(5, "control"))]):
        assert not (sources.inputs["y"] == sources.targets["y"]).any()


def test_the_order_of_a_fixed_set_is_a_permutation_an_epoch():
    condition = tiny.condition(batch_size=16, examples=64, epochs=100)
    for length, order, fresh in taken(condition, [streams(5, "order")], [PLAIN]):
        assert fresh is None
        epochs = order[0].reshape(length // 4, 64)
        np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(64), (len(epochs), 1)))


def test_the_order_of_a_fixed_set_is_another_each_epoch_and_page_and_seed():
    """Oracle: a uniform permutation of 64 leaves 1 row in place on average, whatever the epoch."""
    condition = tiny.condition(batch_size=16, examples=64, epochs=200)
    seeds = [streams(seed, "order") for seed in (5, 6)]
    epochs = np.concatenate(
        [
            order.reshape(2, length // 4, 64)
            for length, order, _ in taken(condition, seeds, [PLAIN, PLAIN])
        ],
        axis=1,
    )
    every = epochs.reshape(-1, 64)
    assert len(every) == 2 * 3 * 64
    assert len(np.unique(every, axis=0)) == len(every)
    in_place = (every == np.arange(64)).sum(axis=1)
    assert abs(in_place.mean() - 1) < 4 / np.sqrt(len(every))  # its SD is 1, too
    again = (every[1:] == every[:-1]).sum(axis=1)  # and so of one epoch after the other
    assert abs(again.mean() - 1) < 4 / np.sqrt(len(again))
