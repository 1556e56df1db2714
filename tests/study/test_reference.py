"""The reference of study files: current, complete, and shown by `primacy explain`."""

import subprocess
import sys
from pathlib import Path

from primacy.registry import models, tasks
from primacy.study import reference
from primacy.study.file import HEAD
from primacy.tasks import boolean

PAGE = Path(__file__).parents[2] / "docs" / "study-file.md"

TELL = "from primacy.study.reference import study_file; print(study_file(), end='')"


def test_the_page_of_study_files_is_current():
    """In a process of its own: other tests register tasks here."""
    done = subprocess.run([sys.executable, "-c", TELL], capture_output=True, text=True, check=True)
    assert PAGE.read_text() == done.stdout, (
        f'docs/study-file.md is out of date; write it again with python -c "{TELL}" '
        "> docs/study-file.md"
    )


def test_every_key_has_a_row_and_a_meaning():
    text = reference.study_file()
    for key in HEAD:
        assert f"| `{key}` |" in text
    for kind in (*tasks.load(), *models.load()):
        assert f'### `kind = "{kind}"`' in text
    # Oracle: what the fields are called in the code.
    training = text.split("## `[training]`")[1].split("## ")[0]
    rows = [line.split(" | ") for line in training.splitlines() if line.startswith("| `")]
    assert {row[0].strip("|` ") for row in rows} >= {"optimizer", "learning_rate", "batch_size"}
    assert all(row[3].strip(" |") for row in rows)


def test_a_feature_of_the_table_is_what_it_says():
    """Oracle: the parity of k bits has average sensitivity k, and one bit has 1."""
    text = reference.study_file()
    assert "| `linear` | 1, 4 times | 1 | 1 | yes |" in text
    assert "| `linear1` | 1 | 1 | 1 | yes |" in text
    for k in (2, 3, 4):
        assert f"| `parity{k}` | {k} | {k} | {k} | no |" in text
    assert all(f"| `{gate}` |" in text for gate in boolean.GATES)


def test_what_is_no_task_and_no_model_has_no_entry():
    assert reference.of("accuracy") is None
    told = reference.of("boolean")
    assert told is not None and {row[0] for row in told[1]} >= {"features", "balance"}
