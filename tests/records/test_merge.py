"""Run folders of one study put together; oracle: the run that trained all of its seeds at once."""

import pytest

from primacy.cli.app import main
from primacy.engine.run import run
from primacy.records.merge import merge
from primacy.records.store import CONTROLS, Store, StoreError
from primacy.result import Result
from tests.support import tiny


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    folder = tmp_path_factory.mktemp("halves")
    study = tiny.study(seeds=4, exact_solo=True)
    run(study, folder / "all")
    run(study.replace(seeds=2), folder / "a")
    run(study.replace(seeds=2, seed_offset=2), folder / "b")
    return folder


def test_two_halves_are_the_whole_to_the_last_byte(halves, tmp_path):
    assert merge([halves / "a", halves / "b"], tmp_path / "ab") == 4
    merged, whole = Result(tmp_path / "ab"), Result(halves / "all")
    assert merged.record.seeds == whole.record.seeds and merged.complete
    assert merged.curves.equals(whole.curves) and merged.lanes.equals(whole.lanes)
    assert merged.summary.equals(whole.summary) and merged.verdicts == whole.verdicts
    for seed in range(4):
        ours, theirs = merged.weights("default", seed), whole.weights("default", seed)
        assert all((ours[name] == theirs[name]).all() for name in theirs)
    assert Store(tmp_path / "ab" / CONTROLS).stored() >= Store(halves / "a" / CONTROLS).stored()
    assert merged.verified()[1] == {}


def test_the_same_again_adds_nothing_and_the_order_only_decides_who_comes_first(halves, tmp_path):
    for _ in range(2):
        assert merge([halves / "b", halves / "a", halves / "b"], tmp_path / "ba") == 4
    assert Result(tmp_path / "ba").curves.equals(Result(halves / "all").curves)


def test_what_is_of_another_study_is_refused_and_nothing_is_written(halves, tmp_path):
    run(tiny.study(seeds=1, controls="none", question="Another?"), tmp_path / "other")
    with pytest.raises(StoreError, match="holds another study"):
        merge([halves / "a", tmp_path / "other"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(StoreError, match="one of the folders to merge"):
        merge([halves / "a", halves / "b"], halves / "a")


def test_the_command_judges_the_whole(halves, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["merge", str(halves / "a"), str(halves / "b"), "--out", str(tmp_path / "m")])
    assert ended.value.code == 0
    assert "4 networks" in capsys.readouterr().out
    assert (tmp_path / "m" / "report.html").is_file()
    with pytest.raises(SystemExit) as ended:
        main(["merge", str(halves / "a"), "--out", str(tmp_path / "n")])
    assert ended.value.code == 2
