"""Planning is a function of values: a study and what a folder holds; a lane is made when asked."""

import sys
import tracemalloc

import numpy as np
import pytest

from primacy.engine import forecast, packing
from primacy.engine.packing import missing
from primacy.engine.plan import plan
from primacy.engine.progress import Progress
from primacy.engine.run import run
from primacy.records.held import Held, controls_of, read
from primacy.records.store import Damaged, Store, StoreError
from primacy.study import describe
from primacy.study import file as studyfile
from tests.support import tiny

BOTH = {"a": tiny.condition(), "b": tiny.condition(learning_rate=0.02)}


def keys(lanes):
    return [(lane.record.name, lane.seed) for lane in lanes]


@pytest.fixture
def no_disk(monkeypatch):
    """Every file that is opened while the test runs."""
    plan(tiny.study())  # modules and versions are read once a process, then kept
    opened, watching = [], [True]

    def hook(event, arguments):
        if watching and event in ("open", "os.listdir", "os.scandir"):
            opened.append(arguments[0])

    sys.addaudithook(hook)  # there is no way to take it off again, so it is switched off
    for name in ("record", "manifest", "damage", "stored"):
        monkeypatch.setattr(Store, name, None)
    yield opened
    watching.clear()


def test_planning_touches_no_disk(no_disk):
    """Oracle: audit events of the interpreter. Three of seven seeds of one condition are stored."""
    study = tiny.study(conditions=BOTH)
    whole = plan(study)
    stored = {whole.record.conditions[0].key: np.array([0, 2, 5])}
    held = Held(whole.record, stored)
    todo = plan(study, held)
    wanted = [(c, s) for s in range(7) for c in "ab" if (c, s) not in {("a", s) for s in (0, 2, 5)}]
    assert [key for block in todo.blocks for key in keys(block.lanes)] == wanted
    assert (todo.stored, todo.lanes) == (3, 11)
    with pytest.raises(StoreError, match=r"seeds: 7 -> 4; nothing is thrown away"):
        plan(study.replace(seeds=4), held)
    assert not no_disk


def test_a_folder_that_holds_controls_and_members_is_planned_from_a_value(no_disk):
    member = tiny.study(name="one", hypotheses=())
    whole = tiny.study(conditions={}, hypotheses=(), members=(member, member.replace(name="two")))
    fresh = plan(whole)
    # The second member takes over all that the first one trains.
    assert (fresh.lanes, fresh.shared, fresh.stored) == (7, 7, 0)
    one, two = fresh.parts
    assert two.taken.keys() == {"one"} and keys(two.taken["one"]) == keys(one.batches[0].lanes)
    assert one.controls is not None
    (c,) = one.record.conditions
    beside = {k.key: np.array(one.controls.seeds) for k in one.controls.conditions}
    held = Held(
        fresh.record,
        members={
            "one": Held(one.record, {c.key: np.arange(7)}, controls=Held(one.controls, beside)),
            "two": Held(two.record, {c.key: np.arange(3)}),
        },
    )
    again = plan(whole, held)
    assert (again.lanes, again.shared, again.stored, again.parts[0].control_lanes) == (0, 4, 10, 0)
    assert not no_disk


def pairs(study):
    record = describe.describe(study)
    return [(study.conditions[c.name], c) for c in record.conditions]


@pytest.mark.parametrize("by_condition", [False, True])
@pytest.mark.parametrize("gone", [(), (0,), (1, 4)])
def test_lanes_are_the_product_less_what_is_stored(gone, by_condition):
    """Oracle: the two loops, written out."""
    own = pairs(tiny.study(conditions=BOTH))
    lanes = missing(own, range(5), {own[1][1].key: np.array(gone)}, by_condition=by_condition)
    if by_condition:
        wanted = [(c, s) for c in "ab" for s in range(5)]
    else:
        wanted = [(c, s) for s in range(5) for c in "ab"]
    wanted = [(c, s) for c, s in wanted if c == "a" or s not in gone]
    assert keys(lanes) == wanted
    for cut in (slice(0, 3), slice(3, 7), slice(7, 20), slice(4, 4)):
        assert keys(lanes[cut]) == wanted[cut]
        names = [name for name, _ in wanted[cut]]
        counted = {c.name: n for _, c, n in lanes[cut].counts}
        assert counted == {name: names.count(name) for name in dict.fromkeys(names)}


def test_blocks_are_cut_from_the_lanes_in_order():
    study = tiny.study(conditions=BOTH, seeds=40, controls="none")
    (batch,) = plan(study).batches
    assert (batch.width, len(batch), batch.free) == (32, 3, 16)
    assert [len(block.lanes) for block in batch] == [32, 32, 16]
    assert [key for block in batch for key in keys(block.lanes)] == keys(batch.lanes)
    assert batch[-1].lanes[0] == batch[2].lanes[0] == batch.lanes[64]


@pytest.mark.parametrize("name", ["complexity", "notebook"])
def test_a_plan_of_a_million_seeds_makes_no_lanes(name, monkeypatch):
    """Oracle: the plan of two seeds, whose lanes are written out. 36 MB are the seeds' numbers."""
    made = counted(monkeypatch, packing, "Lane")
    two = plan(studyfile.read(name, overrides=["seeds=2", "controls=none"]))
    many = studyfile.read(name, overrides=["seeds=1000000", "controls=none"])
    made.clear()
    tracemalloc.start()
    try:
        todo = plan(many)
        facts = (todo.lanes, todo.shared, todo.seed_steps)
        assert min(todo.memory, todo.disk, todo.programs, todo.multiplications) > 0
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    assert facts == tuple(500_000 * n for n in (two.lanes, two.shared, two.seed_steps))
    assert len(made) < 1000  # a few each batch; the type checker of tests looks at some, too


def counted(monkeypatch, place, name):
    real, calls = getattr(place, name), []

    def counting(*own):
        calls.append(own)
        return real(*own)

    monkeypatch.setattr(place, name, counting)
    return calls


SMALL = """
seeds = 2
controls = "none"
measures = ["loss"]
[task]
kind = "boolean"
features = ["linear", "xor_and_or"]
units_per_feature = 8
[model]
kind = "mlp"
widths = [4]
[training]
batch_size = 32
examples = 64
fit_examples = 32
test_examples = 32
epochs = 1
evaluations = 3
"""


@pytest.fixture
def files(tmp_path):
    for name, rate in (("one", 0.01), ("two", 0.02)):
        text = f'name = "{name}"\n{SMALL}learning_rate = {rate}\n'
        (tmp_path / f"{name}.toml").write_text(text)
    (tmp_path / "both.toml").write_text('include = ["one.toml", "two.toml"]\ncontrols = "none"\n')
    return tmp_path


@pytest.mark.parametrize(("file", "conditions"), [("one", 1), ("both", 2)])
def test_a_condition_is_described_once_and_a_folder_read_once_in_a_run(
    file, conditions, files, monkeypatch
):
    described = counted(monkeypatch, describe, "_recorded")
    reads = {name: counted(monkeypatch, Store, name) for name in ("record", "manifest")}
    before_training = {}

    class Listen(Progress):
        def planned(self, plan):
            for name, calls in reads.items():
                before_training[name] = [store.folder for (store,) in calls]

    study = studyfile.read(str(files / f"{file}.toml"))
    run(study, files / "run")
    assert len(described) == conditions
    for calls in reads.values():
        calls.clear()
    # Resumed: there is a record to read now.
    run(studyfile.read(str(files / f"{file}.toml")), files / "run", progress=Listen())
    assert len(described) == 2 * conditions
    for folders in before_training.values():
        assert len(folders) == len(set(folders)) > 0


def test_what_a_folder_holds_is_read_into_a_value(files):
    run(studyfile.read(str(files / "one.toml")), files / "run")
    held = read(files / "run", ["absent"])
    assert held.record is not None and held.record == Store(files / "run").record()
    (key,) = (c.key for c in held.record.conditions)
    assert held.stored.keys() == {key} and held.stored[key].tolist() == [0, 1]
    assert not held.damaged and held.members["absent"].record is None
    assert controls_of(Store(files / "run")).folder == files / "run" / "controls"
    (weights,) = (files / "run" / "checkpoints").iterdir()
    weights.write_bytes(b"")
    held = read(files / "run")
    assert not held.stored
    assert list(held.damaged.values()) == [
        [f"checkpoints/{weights.name}: changed since it was written"]
    ]


def test_a_hostile_list_of_members_does_not_read_for_ever(files):
    run(studyfile.read(str(files / "one.toml")), files / "run")
    lock = files / "run" / "study.lock.json"
    lock.write_text(lock.read_text().replace('"members": []', '"members": ["."]'))
    with pytest.raises(Damaged, match="is no name of a member"):
        read(files / "run")


def test_many_cores_and_short_calls_ask_for_processes():
    short = plan(tiny.study(seeds=64))
    few, many = forecast.engine(short, 100.0, 2), forecast.engine(short, 4800.0, 96)
    assert (few["engine"], many["engine"]) == ("threads", "dask")
    assert 0 < few["interpreter"] < many["interpreter"] <= 1
    # 96 cores do not wait for one interpreter where a call is long.
    long = tiny.condition(epochs=100_000)
    long = plan(tiny.study(conditions={"default": long}, controls="none"))
    assert forecast.engine(long, 4800.0, 96)["engine"] == "threads"
    assert forecast.engine(long, 4800.0, 96)["call_ms"] > few["call_ms"]
