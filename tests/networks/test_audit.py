"""Checkpoints after the fact. Oracle: the same networks, tracked while they were trained."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

from primacy.cli.app import main
from primacy.errors import StudyError
from primacy.networks import checkpoints, user_code
from primacy.networks.audit import audit
from primacy.records.files import StoreError
from tests.support.tracked import arrays, data, loop, make

STEPS = (0, 10, 20, 40)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A tracked run of one seed, and its checkpoints."""
    folder = tmp_path_factory.mktemp("saved")
    model = make(seed=0)

    def save(step):
        if step in STEPS:
            (folder / "seed-0").mkdir(exist_ok=True)
            save_file(model.state_dict(), folder / "seed-0" / f"step-{step}.safetensors")

    _, result = loop(folder / "run", seed=0, model=model, each=save, evaluations=STEPS)
    return folder, result


def test_checkpoints_give_what_was_measured_in_training(saved, tmp_path):
    folder, tracked = saved
    found = audit(
        make,
        data(),
        str(folder / "seed-{seed}" / "step-{step}.safetensors"),
        out=tmp_path / "run",
        condition="own",
    )
    key = ["seed", "step", "measure", "layer", "feature", "target"]
    names = [c for c in key if c not in ("seed", "step")]
    a, b = (
        r.curves.filter(pl.col("split") == "test").with_columns(pl.col(names).cast(pl.String))
        for r in (tracked, found)
    )
    both = a.join(b, on=key, nulls_equal=True)
    assert both.height == a.height == b.height
    assert (both["value"] - both["value_right"]).abs().max() == 0


def test_a_function_of_arrays_makes_any_network(saved, tmp_path):
    folder, _ = saved

    def load(held):
        return lambda x: np.maximum(x, 0) @ held["0.weight"].T  # never called: no module

    with pytest.raises(StoreError, match=r"cannot be called by itself"):
        audit(load, data(), str(folder / "seed-0"), out=tmp_path / "run")


def test_representations_alone_are_represented_and_not_used(tmp_path):
    x, _ = arrays()
    model = make(seed=0)
    for step in (0, 1):
        held = torch.relu(model[0](torch.from_numpy(x))).detach().numpy()
        line = 3 * x[:, [5, 5]] + 1
        np.savez(tmp_path / f"step-{step}.npz", hidden=held, line=line)
    found = audit(None, data(), str(tmp_path), out=tmp_path / "run")
    measured = set(found.curves["measure"].cast(pl.String))
    assert "variance_explained" in measured and "reliance" not in measured
    line = found.curves.filter(
        pl.col("measure") == "variance_explained",
        pl.col("layer") == "line",
        pl.col("feature") == "other",
    )
    # Oracle: the layer is a linear function of that feature, so it explains everything.
    assert line["value"].to_list() == pytest.approx([1, 1], abs=1e-5)
    found.report()
    with pytest.raises(StoreError, match=r"reliance has no value here: it needs .*swapped"):
        audit(None, data(), str(tmp_path), out=tmp_path / "other", measures=["reliance"])


def test_a_pickle_is_not_opened(tmp_path, capsys):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "made"), "w"))

    torch.save({"weights": Evil()}, tmp_path / "step-1.pt")
    with pytest.raises(StoreError, match="holds more than weights and is not opened"):
        audit(make, data(), str(tmp_path), out=tmp_path / "run")
    assert not (tmp_path / "made").exists()
    assert "weights_only=True" in capsys.readouterr().err


def test_weights_of_pytorch_inside_a_training_state(tmp_path, capsys):
    model = make(seed=4)
    torch.save({"state_dict": model.state_dict(), "step": 1}, tmp_path / "step-1.pt")
    found = audit(make, data(), str(tmp_path), out=tmp_path / "run")
    assert torch.equal(
        torch.from_numpy(found.weights("checkpoints", 0)["0/weight"]), model[0].weight.detach()
    )
    assert "safetensors is safer" in capsys.readouterr().err


def test_what_does_not_fit_is_named(tmp_path):
    save_arrays(
        {"0.weight": np.zeros((16, 12), "f"), "odd": np.zeros(2, "f")},
        tmp_path / "step-1.safetensors",
    )
    with pytest.raises(StoreError, match=r"it lacks 0.bias, 2.weight, 2.bias and has odd besides"):
        audit(make, data(), str(tmp_path), out=tmp_path / "run")


def test_steps_and_seeds_are_read_from_names(tmp_path):
    for name in ("seed3/epoch1-step100.npz", "seed3/epoch2-step200.npz", "seed4/x_100.npz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(StoreError, match="different steps"):
        checkpoints.found(str(tmp_path))
    (tmp_path / "seed4/x_200.npz").touch()
    found = checkpoints.found(str(tmp_path))
    assert [(c.seed, c.step) for c in found] == [(3, 100), (3, 200), (4, 100), (4, 200)]
    (tmp_path / "seed4/y_200.npz").touch()
    with pytest.raises(StoreError, match=r"two checkpoints of seed 4 are of step 200"):
        checkpoints.found(str(tmp_path))
    with pytest.raises(StoreError, match=r"needs \{step\}"):
        checkpoints.found(str(tmp_path / "seed*.npz"))


def test_code_is_named_by_the_person(tmp_path):
    (tmp_path / "beside.py").write_text("WIDTH = 3\n")
    file = tmp_path / "my.py"
    file.write_text("from beside import WIDTH\n\ndef make():\n    return WIDTH\n")
    function, sha256 = user_code.function(f"{file}:make")
    assert function() == 3 and len(sha256) == 64
    with pytest.raises(StudyError, match=r"no function 'mak'\. Did you mean"):
        user_code.function(f"{file}:mak")
    with pytest.raises(StudyError, match=r"give it as FILE\.py:NAME"):
        user_code.function("os:system")
    file.with_name("bad.py").write_text("x = 1\nraise KeyError(3)\n")
    with pytest.raises(StudyError, match=r"bad\.py:2"):
        user_code.function(f"{tmp_path / 'bad.py'}:make")


def test_the_command_line(saved, tmp_path, capsys):
    folder, _ = saved
    file = tmp_path / "my.py"
    file.write_text("from tests.support.tracked import data, make\n")
    words = ["audit", f"{file}:make", "--checkpoints", str(folder / "seed-0")]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--out", str(tmp_path / "run"), "--json"])
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["page"]).is_file() and Path(told["run"]) == tmp_path / "run"
    with pytest.raises(SystemExit) as ended:
        main(["audit", f"{file}:mak", "--checkpoints", str(folder / "seed-0")])
    assert ended.value.code == 2
    assert 'Did you mean "make"' in capsys.readouterr().err
