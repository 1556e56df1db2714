"""The run folder against a model: whatever is done to it in whatever order, it holds that.

The model is three sets of seeds. hypothesis prints the steps of a failure, and the line that runs
them again (`@reproduce_failure`).
"""

import errno
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from primacy.records import files
from primacy.records.compact import compact
from primacy.records.held import read as read_folder
from primacy.records.manifest import lane_keys
from primacy.records.store import DAMAGED, Store, StoreError
from tests.faults.disk import Disk, Killed
from tests.records.test_store import KEY, RECORD, block


class RunFolders(RuleBasedStateMachine):
    """Commits, deaths, full disks, damage, repair, compaction and copies."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="primacy-model-"))
        self.store = Store(self.root / "run")
        self.copies = self.taken = 0
        self.whole: set[int] = set()
        self.hurt: set[int] = set()

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    @initialize()
    def begin(self) -> None:
        with self.store.locked():
            self.store.begin(RECORD, "name = 'tiny'\n")

    @rule(count=st.integers(1, 3))
    def commit(self, count: int) -> None:
        """A run that goes on, as far as it is not damaged."""
        with self.store.locked():
            for _ in range(count):
                self.taken += 1
                self.store.commit(*block(self.taken))
                self.whole.add(self.taken)

    @rule(at=st.integers(1, 60), error=st.sampled_from([None, errno.ENOSPC, errno.EIO]))
    def commit_and_fail(self, at: int, error: int | None) -> None:
        """A commit during which the process dies or the disk fails: all of it or nothing."""
        self.taken += 1
        before = self.seeds()
        with Disk(self.store.folder, at, error=error, lasting=error is not None):
            try:
                with self.store.locked():
                    self.store.commit(*block(self.taken))
            except (Killed, OSError, StoreError):
                pass
        now = self.seeds()
        assert now in (before, before | {self.taken})
        self.whole |= now & {self.taken}

    @precondition(lambda self: self.whole)
    @rule(data=st.data(), place=st.sampled_from(["curves", "checkpoints"]))
    def damage(self, data: st.DataObject, place: str) -> None:
        """A bit flips, or a file is cut short, or is gone."""
        seed = data.draw(st.sampled_from(sorted(self.whole)))
        (name,) = (n for n, p in self.store.manifest().items() if (KEY, seed) in lane_keys(p))
        path = self.store.parts.path(name, place)
        content = bytearray(path.read_bytes())
        how = data.draw(st.sampled_from(["flip", "cut", "gone"]))
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1
        path.unlink()
        if how != "gone":
            path.write_bytes(content if how == "flip" else content[:-1])
        lost = {s for _, s in lane_keys(self.store.manifest()[name])}
        self.whole -= lost
        self.hurt |= lost

    @rule()
    def repair(self) -> None:
        """What `primacy run` does: aside with the damaged parts, and train their networks again."""
        with self.store.locked():
            self.store.set_aside(read_folder(self.store.folder).damaged)
            for seed in sorted(self.hurt):
                self.store.commit(*block(seed))
        self.whole |= self.hurt
        self.hurt = set()

    @rule(at=st.integers(1, 200), dies=st.booleans())
    def compacted(self, at: int, dies: bool) -> None:
        """Compaction, which dies somewhere or does not; of a damaged folder it is refused."""
        with Disk(self.store.folder, at if dies else 0):
            try:
                with self.store.locked():
                    compact(self.store)
                assert not self.hurt
            except Killed:
                pass
            except StoreError:
                assert self.hurt

    @rule()
    def copy(self) -> None:
        """The folder is copied, and the copy is gone on with."""
        self.copies += 1
        there = self.root / f"copy{self.copies}"
        shutil.copytree(self.store.folder, there)
        self.store = Store(there)

    def seeds(self) -> set[int]:
        return {seed for _, seed in self.store.stored()}

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        assert self.seeds() == self.whole
        listed = {s for p in self.store.manifest().values() for _, s in lane_keys(p)}
        assert listed == self.whole | self.hurt

    @invariant()
    def reads_what_is_whole(self) -> None:
        try:
            assert set(self.store.curves()["seed"]) == self.whole
            assert not self.hurt
        except files.Damaged:
            assert self.hurt

    @invariant()
    def nothing_moved_aside_is_lost(self) -> None:
        folder = self.store.folder / DAMAGED
        assert all(path.stat().st_size for path in folder.iterdir()) if folder.exists() else True


RunFolders.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestRunFolders = RunFolders.TestCase
