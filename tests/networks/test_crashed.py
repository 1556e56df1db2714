"""A training that raises keeps what was measured, is counted as crashed, and can be done again.

Oracles: the same training that does not raise; the number of seeds that were begun.
"""

import polars as pl
import pytest
import torch

import primacy
from primacy.networks import crashed
from primacy.records.compact import compact
from primacy.result import Result
from tests.support.tracked import STEPS, arrays, data, make

CLAIM = {
    "id": "signal-more", "claim": "the signal is relied on more", "measure": "reliance",
    "of": {"feature": "signal"}, "minus": {"feature": "noise"}, "expect": "greater",
}  # fmt: skip


class OutOfMemory(RuntimeError):
    """What a training may raise."""


def train(out, seed, dies=None, **how):
    """A training in a `with` block, which raises after so many steps."""
    model = make(seed=seed)
    x, y = (torch.from_numpy(a) for a in arrays())
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    torch.manual_seed(seed)
    told = {"evaluations": 8, "measures": ["accuracy", "reliance"], "quiet": True, **how}
    with primacy.track(data(), out=out, seed=seed, steps=STEPS, hypotheses=[CLAIM], **told) as t:
        for step in range(STEPS):
            t.evaluate(model, step)
            if step == dies:
                raise OutOfMemory(f"after step {step}")
            rows = torch.randint(0, len(x), (32,))
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        t.evaluate(model, STEPS)
    return t


def lost(out, seed, dies, **how):
    """The same, of which the error is expected."""
    with pytest.raises(OutOfMemory, match=f"after step {dies}"):
        train(out, seed, dies, **how)


def rows(result, seed):
    """The curves of a seed, in one order."""
    own = result.curves.filter(pl.col("seed") == seed)
    order = ["step", "measure", "split", "feature", "target", "layer"]
    return own.with_columns(pl.col(order[1:]).cast(pl.String)).sort(order)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Seven seeds of which the last crashed, and the same without an accident."""
    made = tmp_path_factory.mktemp("crashed")
    for seed in range(7):
        train(made / "whole", seed)
        if seed < 6:
            train(made / "cut", seed)
    lost(made / "cut", 6, 20)
    return made


def test_what_was_measured_is_kept_and_marked(folders):
    cut, whole = Result(folders / "cut"), Result(folders / "whole")
    end = cut.lanes.filter(pl.col("seed") == 6)
    assert end["ended"].cast(pl.String).item() == "crashed" and 0 < end["end_step"].item() <= 20
    found = rows(cut, 6)
    assert found.equals(rows(whole, 6).filter(pl.col("step") <= end["end_step"].item()))
    assert found["step"].n_unique() > 2


def test_it_stays_in_the_number_of_networks_and_enters_no_estimate(folders):
    cut, whole = (Result(folders / name).verdicts[0] for name in ("cut", "whole"))
    assert (cut.n, cut.pairs) == (7, 6) and (whole.n, whole.pairs) == (7, 7)
    assert "crashed" in cut.why
    summary = Result(folders / "cut").summary.filter(pl.col("seed") == 6)
    assert summary["ended"].to_list() == ["crashed"] * 3
    for column in ("learned", "time_to_learn", "reliance", "final_accuracy", "area"):
        assert summary[column].null_count() == 3, column
    page = Result(folders / "cut").report().read_text()
    assert "1 of 7 crashed" in page


def test_the_same_run_again_takes_its_place(folders, tmp_path, capsys):
    lost(tmp_path / "run", 0, 20)
    lost(tmp_path / "run", 0, 10)  # and crashes again
    assert Result(tmp_path / "run").lanes["end_step"].item() <= 10
    again = train(tmp_path / "run", 0, quiet=False)
    assert "crashed before; this run takes its place" in capsys.readouterr().err
    result = Result(tmp_path / "run")
    assert result.lanes["ended"].cast(pl.String).to_list() == ["budget"] and again.ended == "budget"
    assert rows(result, 0).equals(rows(Result(folders / "whole"), 0))
    assert result.verified()[1] == {}
    assert train(tmp_path / "run", 0).already


def test_others_in_the_same_file_stay(folders, tmp_path):
    """A folder that was compacted holds many runs in a file."""
    for seed in (0, 1):
        train(tmp_path / "run", seed)
    lost(tmp_path / "run", 2, 20)
    store = Result(tmp_path / "run").store
    with store.locked():
        compact(store)
    assert len(store.manifest()) == 1
    train(tmp_path / "run", 2)
    result = Result(tmp_path / "run")
    for seed in (0, 1, 2):
        assert rows(result, seed).equals(rows(Result(folders / "whole"), seed))
    assert set(result.lanes["ended"].cast(pl.String)) == {"budget"}


def test_an_error_before_the_first_evaluation_leaves_no_folder(tmp_path):
    with pytest.raises(OutOfMemory), primacy.track(data(), out=tmp_path / "run", seed=0, steps=9):
        raise OutOfMemory
    assert not (tmp_path / "run").exists()


def test_the_user_s_own_error_is_the_one_that_is_seen(tmp_path, capsys):
    """Though the folder cannot be written to either."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutOfMemory):
        train(tmp_path / "file" / "run", 0, 10, quiet=False)
    assert "not kept: " in capsys.readouterr().err


def test_whether_a_folder_has_a_run(folders):
    store = Result(folders / "cut").store
    assert crashed.whole(store, "own", 0) and not crashed.cut_short(store, "own", 0)
    assert crashed.cut_short(store, "own", 6) and not crashed.whole(store, "own", 6)
    assert not crashed.whole(store, "own", 7) and not crashed.cut_short(store, "other", 6)
