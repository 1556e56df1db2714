"""`primacy compare` as a person types it, and `primacy.compare`."""

import json

import pytest

import primacy
from primacy.cli.compare import names
from primacy.engine.run import run
from tests.cli.test_app import called
from tests.support import tiny


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("compare")
    changed = {"default": tiny.condition(learning_rate=0.02)}
    run(tiny.study(controls="none"), place / "one")
    run(tiny.study(controls="none", conditions=changed, seeds=9), place / "two")
    other = primacy.Study(
        name="other",
        task={"kind": "sum"},
        model={"kind": "linear"},
        training={"steps": 8, "evaluations": 9, "examples": 64, "batch_size": 32,
                  "fit_examples": 16, "test_examples": 16},
        seeds=2, controls="none",
    )  # fmt: skip
    run(other, place / "other")
    return place


def test_writes_a_page_and_says_what_it_comes_to(folders, capsys):
    page = folders / "page.html"
    code, out, err = called(capsys, "compare", folders / "one", folders / "two", "--out", page)
    assert (code, err) == (0, "")
    assert "differ in training.learning_rate" in " ".join(out.split()) and str(page) in out
    assert "7 shared seeds" in page.read_text()


def test_json_holds_every_difference(folders, capsys):
    page = folders / "page.html"
    code, out, _ = called(
        capsys, "compare", folders / "one", folders / "two", "--out", page, "--json"
    )
    told = json.loads(out)
    assert code == 0 and told["runs"] == ["one", "two"]
    assert {"what": "training.learning_rate", "where": "", "values": ["0.01", "0.02"]} in told[
        "differs"
    ]
    frame = primacy.compare(folders / "one", primacy.open(folders / "two")).frame
    assert told["differences"] == frame.to_dicts()
    assert all(row["paired"] and row["seeds"] == 7 for row in told["differences"])


def test_studies_that_share_nothing_are_refused(folders, capsys):
    page = folders / "nothing.html"
    code, _, err = called(capsys, "compare", folders / "one", folders / "other", "--out", page)
    assert code == 2 and "one and other share nothing" in err and not page.exists()


def test_one_folder_alone_is_refused(folders, capsys):
    code, _, err = called(capsys, "compare", folders / "one")
    assert code == 2 and "two run folders or more" in err
    with pytest.raises(ValueError, match="two run folders or more"):
        primacy.compare(folders / "one")


def test_a_notebook_shows_every_difference(folders):
    found = primacy.compare(folders / "one", folders / "two")
    shown = found._repr_html_()
    assert shown.count("<tr>") == 1 + found.frame.height and "training.learning_rate" in shown
    assert found.differs.columns == ["what", "where", "one", "two"]


def test_labels_tell_folders_apart(tmp_path):
    assert names([tmp_path / "a" / "run", tmp_path / "b" / "run"]) == ["a/run", "b/run"]
    assert names([tmp_path / "x", tmp_path / "y"]) == ["x", "y"]
    assert names([tmp_path / "x", tmp_path / "x"]) == ["x #1", "x #2"]
