"""Shares trained apart and adopted later are the run that one process would have made.

Oracle: the bytes of a run in one process.
"""

import threading

import pytest

from primacy.cli.app import app
from primacy.engine import inbox
from primacy.engine.plan import plan, share
from primacy.engine.progress import Progress
from primacy.engine.run import run
from primacy.engine.shards import work
from primacy.engine.walk import jobs_of
from primacy.records.store import INBOX, Store
from primacy.training.block import Interrupted
from tests.faults.study import Trainer, study
from tests.support import tiny
from tests.support.folders import promised

SEEDS = 5


class Told(Progress):
    def __init__(self):
        self.blocks, self.staying = [], []

    def adopted(self, blocks, staying):
        self.blocks.append(blocks)
        self.staying += staying


@pytest.fixture
def trainer(monkeypatch):
    return Trainer(monkeypatch)


def test_shares_are_the_whole_each_block_once():
    whole = plan(tiny.study(seeds=70, controls="full", exact_solo=True))
    parts = [share(whole, i, 3) for i in range(3)]
    blocks = [
        [(lane.record.key, lane.seed) for lane in (*b.lanes, *b.riders)]
        for part in (whole, *parts)
        for b in (*part.blocks, *part.control_blocks)
    ]
    half = len(blocks) // 2
    assert sorted(blocks[:half]) == sorted(blocks[half:])
    assert sum(part.lanes for part in parts) == whole.lanes


def test_two_shards_at_once_are_adopted_to_the_bytes_of_one_run(tmp_path):
    real = tiny.study(seeds=3, exact_solo=True, controls="full", measures=("accuracy", "loss"))
    run(real, tmp_path / "one")
    shards = [threading.Thread(target=work, args=(real, tmp_path / "x", i, 2)) for i in range(2)]
    for shard in shards:
        shard.start()
    for shard in shards:
        shard.join()
    assert not (tmp_path / "x" / "manifest.json").exists()
    told = Told()
    run(real, tmp_path / "x", progress=told)
    assert told.blocks == [len(list((tmp_path / "one").rglob("curves/*.parquet")))]
    assert promised(tmp_path / "x") == promised(tmp_path / "one")
    assert [p.name for p in (tmp_path / "x" / INBOX).iterdir()] == [".lock"]


def test_a_killed_shard_goes_on_and_what_is_missing_is_trained_by_the_run(tmp_path, trainer):
    run(study(SEEDS), tmp_path / "one")
    trainer.asked()
    stop = threading.Event()

    class StopAfterOne(Progress):
        def committed(self, lanes, summary):
            stop.set()

    monkeypatched = trainer._train

    def train(programs, lanes, axes, watch):
        if stop.is_set():
            raise Interrupted
        return monkeypatched(programs, lanes, axes, watch)

    from primacy.engine import threads

    threads.train_block = train
    with pytest.raises(Interrupted):
        work(study(SEEDS), tmp_path / "x", 0, 2, progress=StopAfterOne(), stop=stop)
    threads.train_block = monkeypatched
    assert trainer.asked() == [0]
    assert work(study(SEEDS), tmp_path / "x", 0, 2) == 2
    assert trainer.asked() == [2, 4]
    run(study(SEEDS), tmp_path / "x")  # without the other share
    assert trainer.asked() == [1, 3]
    assert promised(tmp_path / "x") == promised(tmp_path / "one")


def test_a_receipt_adopted_twice_changes_nothing(tmp_path, trainer):
    work(study(SEEDS), tmp_path / "x", 0, 1)
    copies = {p.name: p.read_bytes() for p in (tmp_path / "x" / INBOX).glob("*.block")}
    run(study(SEEDS), tmp_path / "x")
    before, _ = promised(tmp_path / "x"), trainer.asked()
    for name, held in copies.items():
        (tmp_path / "x" / INBOX / name).write_bytes(held)
    told = Told()
    run(study(SEEDS), tmp_path / "x", progress=told)
    assert (told.blocks, told.staying, trainer.asked()) == ([0], [], [])
    assert promised(tmp_path / "x") == before
    assert not list((tmp_path / "x" / INBOX).glob("*.block"))


def test_half_a_receipt_and_a_foreign_one_are_left_and_named(tmp_path, trainer):
    work(study(SEEDS), tmp_path / "x", 0, 1)
    first, second = sorted((tmp_path / "x" / INBOX).glob("*.block"))[:2]
    first.write_bytes(first.read_bytes()[:-40])
    other = tiny.study(name="other", seeds=1, measures=("loss",), exact_solo=True, controls="none")
    (job,) = jobs_of(other, plan(other))
    held = inbox.wire.result(second.read_bytes())
    foreign = inbox.put(tmp_path / "x", job, held, plan(other).record)
    told = Told()
    run(study(SEEDS), tmp_path / "x", progress=told)
    assert told.blocks == [SEEDS - 1]
    assert {p.name for p in (tmp_path / "x" / INBOX).glob("*.block")} == {first.name, foreign.name}
    assert sorted(line.split(": ")[1] for line in told.staying) == ["not whole", "of another study"]
    assert {seed for _, seed in Store(tmp_path / "x").stored()} == set(range(SEEDS))


@pytest.mark.parametrize("shard", ["1", "8/8", "-1/2", "0/0", "a/b"])
def test_a_shard_that_is_none_is_refused_with_the_cure(shard, tmp_path):
    words = ["work", "complexity", "--out", str(tmp_path), f"--shard={shard}"]
    with pytest.raises(ValueError, match="expected I/N, from 0/N to N-1/N"):
        app(words, exit_on_error=False, print_error=False, result_action="return_value")
