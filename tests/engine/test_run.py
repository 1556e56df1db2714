"""What is stored is kept, what is missing is trained, what would change it is refused."""

import dataclasses
import threading

import polars as pl
import pytest

from primacy.engine.plan import plan
from primacy.engine.reconcile import differences, reconcile
from primacy.engine.run import Progress, run
from primacy.records import curves
from primacy.records.held import read
from primacy.records.store import Store, StoreError
from primacy.records.study import Contrast
from primacy.study.describe import describe
from primacy.training.block import Interrupted
from tests.support import tiny

# One lane a block: the network's work is beyond what trains side by side.
ALONE = {"batch_size": 128, "examples": 256, "epochs": 3, "evaluations": 4}
FEW = ("accuracy", "loss", "total_variance", "variance_explained")


def study(**changes):
    told = {"conditions": {"default": wide()}, "measures": FEW, "seeds": 6}
    return tiny.study(**{**told, **changes})


def wide(**training):
    small = tiny.condition(**{**ALONE, **training})
    model = dataclasses.replace(small.model, widths=(80, 40))
    return dataclasses.replace(small, model=model)


def rows(folder):
    return Store(folder).curves()


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "six"
    return folder, run(study(), folder)


def test_a_run_leaves_every_file_that_is_promised(six):
    folder, result = six
    assert {p.name for p in folder.iterdir()} >= {
        "study.toml", "study.lock.json", "manifest.json", "status.json", "conditions.parquet",
        "summary.parquet", "verdicts.json", "data.md", "curves", "checkpoints",
    }  # fmt: skip
    assert len(list((folder / "curves").iterdir())) == 6
    assert result.complete
    assert [v.id for v in result.verdicts] == ["simple-first"]
    told = pl.read_parquet(folder / "conditions.parquet")
    assert told.columns[:2] == ["condition", "name"]


def test_what_is_not_there_is_told_with_what_is(six):
    _, result = six
    with pytest.raises(
        ValueError, match=r'no condition is called "defalt"\. Did you mean "default"'
    ):
        result.weights("defalt", 0)
    with pytest.raises(StoreError, match="condition default, seed 77; its seeds: 0 to 5"):
        result.weights("default", 77)
    with pytest.raises(ValueError, match=r'no measure "acuracy" here\. Did you mean "accuracy"'):
        curves.select(result.curves, "acuracy")
    assert curves.select(result.curves, "accuracy").height
    assert curves.select(result.curves, "variance_absolute").height


def test_three_more_seeds_train_only_three(six, tmp_path):
    folder, _ = six
    told = []

    class Listen(Progress):
        def planned(self, plan):
            told.append(plan.lanes)

    run(study(seeds=3), tmp_path / "grown")
    run(study(seeds=6), tmp_path / "grown", progress=Listen())
    assert told == [3]
    assert rows(tmp_path / "grown").equals(rows(folder))
    run(study(seeds=6), tmp_path / "grown", progress=Listen())
    assert told == [3, 0]


def test_an_interrupted_run_resumes_to_the_same_bytes(six, tmp_path):
    folder, _ = six
    stop = threading.Event()

    class StopAfterTwo(Progress):
        seen = 0

        def committed(self, lanes, summary):
            self.seen += lanes.height
            if self.seen >= 2:
                stop.set()

    with pytest.raises(Interrupted):
        run(study(), tmp_path / "x", progress=StopAfterTwo(), stop=stop)
    assert 2 <= len(Store(tmp_path / "x").stored()) < 6
    run(study(), tmp_path / "x")
    assert data_files(tmp_path / "x") == data_files(folder)


def data_files(folder):
    patterns = ("curves/*", "checkpoints/*", "*.parquet", "verdicts.json", "manifest.json")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for pattern in patterns
        for path in sorted(folder.glob(pattern))
    }


def test_a_damaged_part_is_trained_again_to_the_same_bytes(tmp_path):
    run(study(seeds=2), tmp_path / "x")
    first = sorted((tmp_path / "x" / "curves").iterdir())[0]
    whole = first.read_bytes()
    first.write_bytes(whole[:-4])
    run(study(seeds=2), tmp_path / "x")
    assert first.read_bytes() == whole


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 4}, "seeds: 6 -> 4; nothing is thrown away"),
        ({"measures": FEW[:3]}, "measures: "),
        ({"seed_axes": ("init",)}, "seed_axes: init, data, order -> init"),
        (
            {"conditions": {"default": wide(learning_rate=0.5)}},
            r"condition default: training.learning_rate: 0.01 -> 0.5",
        ),
        ({"conditions": {"other": wide()}}, "condition default is gone"),
    ],
)
def test_what_would_change_stored_runs_is_refused_with_the_difference(six, changes, message):
    folder, _ = six
    before = data_files(folder)
    with pytest.raises(StoreError, match=message):
        run(study(**changes), folder)
    assert data_files(folder) == before


def test_fork_starts_beside(six, tmp_path):
    run(study(seeds=1), tmp_path / "x")
    other = run(study(seeds=1, measures=FEW[:3]), tmp_path / "x", fork=True)
    assert other.folder == tmp_path / "x-2"
    assert len(rows(tmp_path / "x")) > len(rows(tmp_path / "x-2")) > 0


def test_a_new_condition_is_added_and_leaves_the_others_alone(six, tmp_path):
    folder, _ = six
    run(study(seeds=6), tmp_path / "x")
    both = {"default": wide(), "fast": wide(learning_rate=0.03)}
    hypothesis = dataclasses.replace(
        tiny.SIMPLE_FIRST,
        contrast=Contrast(
            measure="time_to_learn",
            of={"feature": "linear", "condition": "fast"},
            minus={"feature": "linear", "condition": "default"},
        ),
    )
    result = run(study(conditions=both, hypotheses=(hypothesis,)), tmp_path / "x")
    key = result.record.conditions[0].key
    assert rows(tmp_path / "x").filter(pl.col("condition") == key).equals(rows(folder))
    assert result.record.post_hoc == ("simple-first",)
    assert "post hoc" in result.verdicts[0].flags


def test_who_reported_a_claim_may_be_added_after_the_runs():
    """No edit: neither the claim nor its margin is another."""
    record = describe(study(seeds=6, hypotheses=(tiny.SIMPLE_FIRST,)))
    named = dataclasses.replace(tiny.SIMPLE_FIRST, reported_by="Someone 2024")
    new = describe(study(seeds=6, hypotheses=(named,)))
    joined = reconcile(record, new, has_runs=True)
    assert joined.hypotheses[0].reported_by == "Someone 2024"
    assert joined.post_hoc == () and joined.earlier_hashes == ()
    edited = describe(study(seeds=6, hypotheses=(dataclasses.replace(named, margin=0.5),)))
    assert reconcile(record, edited, has_runs=True).post_hoc == ("simple-first",)


def test_other_versions_are_refused_unless_mixing_is_allowed(tmp_path, monkeypatch):
    run(study(seeds=1), tmp_path / "x")
    monkeypatch.setattr("primacy.study.describe.platform.python_version", lambda: "9.9")
    with pytest.raises(StoreError, match=r"python: .* -> 9\.9 \(--allow-mixed"):
        run(study(seeds=2), tmp_path / "x")
    run(study(seeds=2), tmp_path / "x", allow_mixed=True)
    told = {part["versions"]["python"] for part in Store(tmp_path / "x").manifest().values()}
    assert len(told) == 2


def test_a_plan_says_what_would_be_done(six, tmp_path):
    folder, _ = six
    todo = plan(study(seeds=9), read(folder))
    assert (todo.stored, todo.lanes, len(todo.blocks), todo.programs) == (6, 3, 3, 1)
    assert todo.seed_steps == 3 * 6
    assert todo.memory > 0
    assert not (tmp_path / "none").exists()
    plan(study(), read(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_a_failing_commit_stops_the_run_and_is_raised(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "commit", full)
    with pytest.raises(OSError, match="No space"):
        run(study(), tmp_path / "x")


def test_differences_name_every_dotted_key():
    assert list(differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4})) == [
        "a.c: 2 -> 3",
        "d: None -> 4",
    ]


def test_more_memory_than_the_machine_has_is_refused(tmp_path):
    huge = wide()
    huge = dataclasses.replace(huge, model=dataclasses.replace(huge.model, widths=(80,) * 3))
    training = dataclasses.replace(huge.training, examples=10**9, batch_size=128, epochs=1)
    huge = dataclasses.replace(huge, training=training)
    with pytest.raises(StoreError, match="GB of memory; the machine has"):
        run(study(conditions={"default": huge}, hypotheses=()), tmp_path / "x")


def test_exact_solo_trains_each_network_in_a_program_of_its_own(tmp_path):
    study = tiny.study(seeds=2, controls="none", hypotheses=(), measures=("loss",))
    together = plan(study)
    alone = plan(study.replace(exact_solo=True))
    assert {block.width for block in together.blocks} == {32}
    assert [(block.width, len(block.lanes)) for block in alone.blocks] == [(1, 1)] * 2
    run(study, tmp_path / "a")
    # The same folder with other widths would mix bits: refused with the cure, or on request.
    more = study.replace(exact_solo=True, seeds=3)
    with pytest.raises(StoreError, match=r"side by side of default: 32 -> 1 \(--allow-mixed"):
        run(more, tmp_path / "a")
    mixed = run(more, tmp_path / "a", allow_mixed=True)
    assert mixed.lanes["seed"].unique().sort().to_list() == [0, 1, 2]
    widths = [part["block_width"] for part in Store(tmp_path / "a").manifest().values()]
    assert sorted(widths) == [1, 32]
