"""A sample of `tests.faults.mutations`; the script tries any number."""

import pytest

from tests.faults import mutations
from tests.support import tiny

TRIALS = 28
SEED = 1000


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    from primacy.engine.run import run

    folder = tmp_path_factory.mktemp("mutations") / "whole"
    run(tiny.study(seeds=2), folder).report()
    return folder


def test_a_damaged_folder_never_ends_in_a_traceback(whole, tmp_path):
    done = set()
    for seed in range(SEED, SEED + TRIALS):
        point, wrong = mutations.trial(whole, tmp_path / "run", seed)
        assert not wrong, f"{point}\n{wrong}"
        done.add(point.partition(": ")[2].partition(" ")[0])
    assert len(done) > 5, "too few kinds of damage for a sample"
