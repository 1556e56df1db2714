"""Run folders that something else wrote or changed: one line and exit 1, whatever is in them."""

import hashlib
import json

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save

from primacy.cli import app
from primacy.engine.interruption import Interruption
from primacy.records import curves, formats, parquet
from primacy.records.store import Damaged, Store, to_parquet
from primacy.study.describe import describe
from tests.records.test_store import KEY, RECORD, block
from tests.support import tiny
from tests.support.hostile_files import BAD_TENSORS

ROW = {"condition": KEY, "seed": 0, "step": 0, "split": "test", "layer": None,
       "feature": "linear", "target": "linear", "measure": "accuracy", "value": 0.5}  # fmt: skip


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "run")
    with store.locked():
        store.begin(RECORD, "name = 'tiny'\n")
        store.commit(*block(0))
    return store


def forge(store, place, content):
    """Replace a file of the only part, and its hash in the manifest."""
    (path,) = (store.folder / place).iterdir()
    path.write_bytes(content)
    manifest = store.folder / "manifest.json"
    told = json.loads(manifest.read_text())
    told["parts"][path.stem][place] = hashlib.sha256(content).hexdigest()
    manifest.write_text(json.dumps(told))


def table(**changes):
    return pl.DataFrame([ROW | changes], schema=dict(curves.SCHEMA))


def told(words, capsys):
    """Exit code and the lines of an error."""
    code = app._called(words, Interruption())
    return code, capsys.readouterr().err.strip().splitlines()


UNKNOWN = {
    "measure": {"measure": "charm"},
    "layer": {"layer": "hidden1"},
    "missing layer": {"measure": "total_variance", "feature": None, "target": None},
    "feature": {"feature": "nobody"},
    "target": {"target": "nobody"},
    "split": {"split": "all"},
    "no split": {"split": None},
    "odd step": {"step": 3},
    "negative step": {"step": -4},
    "huge step": {"step": 2**62},
    "no step": {"step": None},
    "seed": {"seed": 5},
    "no seed": {"seed": None},
    "condition": {"condition": "of another study"},
    "not finite": {"value": float("inf")},
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_rows_that_the_study_cannot_have_are_refused(store, capsys, what):
    """Some of these ended the process inside the chart library."""
    store.curves()
    forge(store, "curves", to_parquet(table(**UNKNOWN[what]), "curves"))
    for command in ("report", "judge", "verify"):
        code, lines = told([command, str(store.folder)], capsys)
        assert code == 1
        assert command == "verify" or (len(lines) == 1 and "primacy did not write it" in lines[0])


def test_rows_of_a_real_study_are_all_known():
    """Every measure that a study has, on every axis, as `block.table` writes it."""
    record = describe(tiny.study())
    c, rows = record.conditions[0], []
    for card in record.measures:
        layers = c.layers if card.by_layer else (None,)
        many = bool({"feature", "site"} & set(card.axes))
        names = [f.name for f in c.features] if many else [None]
        targets = [t.name for t in c.targets] if "target" in card.axes else [None]
        rows += [
            (c.key, 0, s, "test", layer, f, t, card.name, 0.5)
            for s in c.steps
            for layer in layers
            for f in names
            for t in targets
        ]
    found = curves.frame(rows)
    curves.check_known(found, {(c.key, 0)}, record)
    assert found.height <= curves.most_rows({(c.key, 0)}, record)


BAD_TABLES = {
    "pickle": b"\x80\x04K\x01.",
    "empty": b"",
    "nested JSON": b"[" * 100_000,
    "other columns": to_parquet(pl.DataFrame({"a": [1]}), "x"),
    "other types": to_parquet(table().with_columns(pl.col("value").cast(pl.Float64)), "x"),
    "2,009 columns": to_parquet(
        table().with_columns(pl.lit(0).alias(f"c{i}") for i in range(2000)), "x"
    ),
    "repeated rows": to_parquet(pl.concat([table(), table()]), "x"),
}


@pytest.mark.parametrize("what", BAD_TABLES)
@pytest.mark.parametrize("command", ["judge", "report", "evaluate"])
def test_a_table_that_is_none_is_one_line(store, capsys, what, command):
    forge(store, "curves", BAD_TABLES[what])
    code, lines = told([command, str(store.folder)], capsys)
    assert (code, len(lines)) == (1, 1)
    assert "Move the folder away and run again" in lines[0]


@pytest.mark.parametrize("what", BAD_TENSORS)
@pytest.mark.parametrize("command", ["inspect", "evaluate"])
def test_tensors_that_are_none_are_one_line(store, capsys, what, command):
    forge(store, "checkpoints", BAD_TENSORS[what])
    code, lines = told([command, str(store.folder)], capsys)
    assert (code, len(lines)) == (1, 1)
    assert "primacy did not write it" in lines[0]


def test_no_parser_meets_a_file_that_does_not_fit_its_hash(store, monkeypatch):
    for name in ("facts", "rows", "tensors"):
        monkeypatch.setattr(formats, name, lambda *_: pytest.fail("parsed"))
    for place in ("curves", "checkpoints"):
        (path,) = (store.folder / place).iterdir()
        path.write_bytes(path.read_bytes() + b"x")
    for use in (store.curves, lambda: store.weights(KEY, 0), lambda: list(store.held({(KEY, 0)}))):
        with pytest.raises(Damaged, match="changed since it was written"):
            use()


def test_headers_of_parquet_that_claim_too_much_are_refused_before_they_are_believed():
    """Bits of a small file flipped: refused, or what it claims is within the limits.

    Every 13th bit, so that each place within a byte has its turn: checking the types of all calls
    makes every bit take minutes.
    """
    content = to_parquet(table(), "curves")
    whole = parquet.facts(content)
    assert whole == parquet.Facts(1, tuple(curves.SCHEMA))
    refused = 0
    for bit in range(0, 8 * len(content), 13):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            assert parquet.facts(bytes(flipped)).rows == 1
        except parquet.HeaderError:
            refused += 1
    assert refused > 500 / 13
    for end in range(0, len(content), 7):
        with pytest.raises(parquet.HeaderError):
            parquet.facts(content[:end])


@pytest.mark.parametrize("file", ["status.json", "manifest.json", "study.lock.json"])
def test_nested_json_is_no_recursion_error(store, capsys, file):
    (store.folder / file).write_bytes(b"[" * 100_000)
    code, lines = told(["report", str(store.folder)], capsys)
    assert code == (0 if file == "status.json" else 1)  # a status is only told, never needed
    assert len(lines) == code


def test_a_name_of_a_weight_reaches_the_terminal_escaped(store, capsys):
    name = f"{KEY}/0/../../../x\x1b[31mred"
    forge(store, "checkpoints", save({name: np.zeros(2, np.float32)}))
    code, lines = told(["evaluate", str(store.folder)], capsys)
    assert (code, len(lines)) == (1, 1)
    assert r"\u001b[31mred" in lines[0]
    assert "\x1b" not in lines[0]


def test_an_error_about_a_path_is_shown_escaped(tmp_path, capsys):
    code, lines = told(["judge", str(tmp_path / "a\x1b[2Jb\u202ec")], capsys)
    assert code == 2
    assert r"a\u001b[2Jb\u202ec" in lines[0]


def test_tensors_come_in_one_order():
    """The library's own differs between processes; a second layer stands before a tenth."""
    names = ["hidden10/bias", "hidden2/bias", "hidden2/kernel", "output/bias", "hidden1/bias"]
    content = save({name: np.ones(1, np.float32) for name in names})
    expected = ["hidden1/bias", "hidden2/bias", "hidden2/kernel", "hidden10/bias", "output/bias"]
    assert list(formats.tensors(content)) == expected
