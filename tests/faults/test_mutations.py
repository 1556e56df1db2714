"""A sample of `tests.faults.mutations`; the script tries any number."""

import pytest

from tests.faults import mutations

TRIALS = 14
SEED = 1000


@pytest.fixture(scope="module", params=[False, True], ids=["study", "members"])
def whole(request, tmp_path_factory):
    return mutations.made(tmp_path_factory.mktemp("mutations") / "whole", request.param)


def test_a_damaged_folder_never_ends_in_a_traceback(whole, tmp_path):
    done = set()
    for seed in range(SEED, SEED + TRIALS):
        point, wrong = mutations.trial(whole, tmp_path / "runs" / "run", seed)
        assert not wrong, f"{point}\n{wrong}"
        done.add(point.partition(": ")[2].partition(" ")[0])
    assert len(done) > 5, "too few kinds of damage for a sample"
