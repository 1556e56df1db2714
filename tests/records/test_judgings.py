"""Every judging on record; oracle: the numbers of networks that were asked for."""

import pytest

from primacy.engine.run import run
from primacy.records.judgings import MAX_JUDGINGS, earlier, judgings, recorded
from primacy.report.page.methods import paragraphs
from tests.support import tiny


def test_a_judging_is_recorded_once_and_kept_in_order(tmp_path):
    file = tmp_path / "judged.json"
    for seeds in (6, 6, 10, 30):
        recorded(file, seeds, "0", {"a": "inconclusive"})
    recorded(file, 30, "0", {"a": "supported"})
    found = judgings(file)
    assert [one["seeds"] for one in found] == [6, 10, 30, 30]
    assert earlier(found, 30) == [6, 10] and earlier(found, 6) == []


@pytest.mark.parametrize("content", ["", "[", "{}", '[1, {"seeds": "6"}]', "[" * 10_000])
def test_a_damaged_log_counts_as_none(tmp_path, content):
    (tmp_path / "judged.json").write_text(content)
    assert judgings(tmp_path / "judged.json") == []


def test_the_log_does_not_grow_without_end(tmp_path):
    file = tmp_path / "judged.json"
    for seeds in range(MAX_JUDGINGS + 3):
        recorded(file, seeds, "0", {})
    assert len(judgings(file)) == MAX_JUDGINGS


def test_a_run_that_was_extended_says_so_and_a_replication_is_a_run_of_its_own(tmp_path):
    study = tiny.study(seeds=2, controls="none")
    result = run(study, tmp_path / "run")
    assert result.provenance["judged_before"] == []
    more = run(study.replace(seeds=3), tmp_path / "run")
    assert more.provenance["judged_before"] == [2]
    told = " ".join(paragraphs(more.record, more.provenance, more.lanes, more.verdicts))
    assert "judged before, with 2 networks per condition" in told
    with pytest.raises(ValueError, match="seed_offset: 0 -> 2; a replication is a run of its own"):
        run(study.replace(seeds=3, seed_offset=2), tmp_path / "run")
    again = run(study.replace(seeds=1, seed_offset=2), tmp_path / "again")
    # Seed 2 is the same network, whatever was asked for beside it.
    own, third = again.weights("default", 2), more.weights("default", 2)
    assert own.keys() == third.keys() and all((own[k] == third[k]).all() for k in own)
