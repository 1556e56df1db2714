"""`primacy cite`, `report --figures`, `watch --once` and exports, as a person types them."""

import json
from pathlib import Path

import pytest

from primacy.engine.run import run
from tests.cli.test_app import called
from tests.support import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("sharing") / "run"
    run(tiny.study(seeds=2, controls="none", measures=("accuracy",), hypotheses=()), place)
    return place


def test_cite_prints_what_is_pasted(folder, capsys):
    code, out, _ = called(capsys, "cite", folder)
    assert code == 0 and out.startswith("We trained 2 networks") and "@software{primacy," in out
    told = json.loads(called(capsys, "cite", folder, "--json")[1])
    assert set(told) == {"methods", "bibtex"}
    assert called(capsys, "cite", folder, "--only", "bibtex")[1].strip() == told["bibtex"].strip()


SIGNS = {"svg": b"<svg", "pdf": b"%PDF", "png": b"\x89PNG"}


@pytest.mark.parametrize("kind", SIGNS)
def test_figures_are_written_as_files(folder, capsys, tmp_path, kind):
    page = tmp_path / "page.html"
    code, out, _ = called(capsys, "report", folder, "--out", page, "--figures", kind, "--json")
    files = json.loads(out)["figures"]
    assert code == 0 and f"{tmp_path}/figures/race-log.{kind}" in files
    for file in files:
        assert Path(file).read_bytes().startswith(SIGNS[kind])


def test_a_condition_without_figures_is_refused(folder, capsys):
    code, _, err = called(capsys, "report", folder, "--condition", "default")
    assert code == 2 and "--figures" in err


def test_an_export_to_a_tracker_needs_a_folder(folder, capsys):
    for tracker in ("tensorboard", "wandb", "mlflow"):
        code, _, err = called(capsys, "export", folder, "--to", tracker)
        assert code == 2 and "--out DIR" in err


def test_watch_once_says_how_far_a_run_is(folder, capsys, tmp_path):
    assert called(capsys, "watch", folder, "--once")[:2] == (
        0,
        "complete: 2 of 2 networks stored\n",
    )
    code, _, err = called(capsys, "watch", tmp_path / "none", "--once")
    assert code == 2 and "primacy run STUDY" in err
    code, _, err = called(capsys, "watch", folder, "--port", "99999")
    assert code == 2 and "port 99999" in err
