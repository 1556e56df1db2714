"""A tracked training is the untracked one, bit for bit. Oracle: the training without a tracker."""

import numpy as np
import pytest

from primacy.result import Result
from tests.support.trainings import TRAININGS


@pytest.mark.parametrize("name", TRAININGS)
def test_a_tracker_changes_no_bit(name, tmp_path, monkeypatch):
    monkeypatch.setenv("PRIMACY_TEST_FOLDER", str(tmp_path / "trainer"))
    plain = TRAININGS[name](None)
    tracked = TRAININGS[name](tmp_path / "run")
    assert plain.keys() == tracked.keys() and plain
    for key, value in plain.items():
        np.testing.assert_array_equal(value, tracked[key])
    result = Result(tmp_path / "run")
    assert result.lanes["ended"].to_list() == ["budget"]
    assert result.record.conditions[0].layers
    accuracy = result.curves.filter(result.curves["measure"] == "accuracy")["value"]
    assert accuracy.null_count() == 0 and accuracy[-1] > accuracy[0]  # it was trained
