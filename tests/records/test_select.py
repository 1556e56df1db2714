"""What is asked of a run and is not there is named, with what is there."""

import pytest

import primacy
from primacy.engine.run import run
from primacy.records.files import StoreError
from tests.support import tiny


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return run(tiny.study(seeds=1, controls="none"), tmp_path_factory.mktemp("select") / "run")


def test_rows_of_a_measure(result):
    rows = primacy.select(result.curves, "reliance", feature="linear", split="test")
    assert rows.height and rows["feature"].unique().to_list() == ["linear"]


@pytest.mark.parametrize(
    ("measure", "where", "message"),
    [
        ("relaince", {}, 'no measure "relaince" here. Did you mean "reliance"? There are: '),
        ("reliance", {"feature": "liner"}, 'no feature "liner" here. Did you mean "linear"?'),
        ("reliance", {"fetaure": "linear"}, 'no column "fetaure" here. Did you mean "feature"?'),
    ],
)
def test_what_is_not_there_is_named(result, measure, where, message):
    with pytest.raises(ValueError) as error:
        primacy.select(result.curves, measure, **where)
    assert message in str(error.value)


def test_weights_of_a_network_that_is_not_there(result):
    with pytest.raises(ValueError, match=r'no condition is called "nope".* There are: default'):
        result.weights("nope", 0)
    with pytest.raises(StoreError, match="seed 9; its seeds: 0 to 0"):
        result.weights("default", 9)
