"""The journal of commits: a line is a part, a torn last line is none."""

import json

import pytest

from primacy.records import journal
from primacy.records.store import Damaged, Store
from tests.records.test_store import KEY, RECORD, block


@pytest.fixture
def store(tmp_path):
    """A run in progress: one network in the manifest, two in the journal."""
    store = Store(tmp_path / "run")
    with store.locked():
        store.begin(RECORD, "name = 'tiny'\n")
        store.commit(*block(0))
    store.commit(*block(1))
    store.commit(*block(2))
    return store


def lines(store):
    return (store.folder / "journal.jsonl").read_bytes().splitlines(keepends=True)


def seeds(store):
    return sorted(seed for _, seed in store.stored())


def test_a_commit_writes_a_line_and_not_the_manifest(store):
    before = (store.folder / "manifest.json").read_bytes()
    store.commit(*block(3))
    assert (store.folder / "manifest.json").read_bytes() == before
    assert len(lines(store)) == 3
    assert seeds(store) == [0, 1, 2, 3]


def test_the_next_writer_folds_it_into_the_manifest(store):
    with store.locked():
        assert not (store.folder / "journal.jsonl").exists()
    told = json.loads((store.folder / "manifest.json").read_bytes())
    assert len(told["parts"]) == 3
    assert seeds(store) == [0, 1, 2]


def test_it_is_folded_when_a_writer_is_interrupted(store):
    with pytest.raises(KeyboardInterrupt), store.locked():
        store.commit(*block(3))
        raise KeyboardInterrupt
    assert not (store.folder / "journal.jsonl").exists()
    assert seeds(store) == [0, 1, 2, 3]


def test_every_place_where_the_last_line_can_be_torn(store):
    """Cut after each byte, or with zeros in place of the rest: that line is no part."""
    first, last = lines(store)
    path = store.folder / "journal.jsonl"
    for end in range(len(last)):
        for rest in (b"", bytes(len(last) - end)):
            path.write_bytes(first + last[:end] + rest)
            assert len(store.manifest()) == 2
    path.write_bytes(first + last)
    assert len(store.manifest()) == 3


def test_a_commit_after_a_torn_line_cuts_it_off(store):
    path = store.folder / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    assert seeds(store) == [0, 1]
    store.commit(*block(5))
    assert seeds(store) == [0, 1, 5]
    assert len(lines(store)) == 2


@pytest.mark.parametrize("what", ["flipped", "gone", "no part"])
def test_a_line_before_the_last_is_never_torn(store, what):
    first, last = lines(store)
    if what == "flipped":
        first = first[:80] + bytes([first[80] ^ 1]) + first[81:]
    elif what == "gone":
        first = first[100:]
    else:
        first = journal.line("part-0", {"lanes": [{"condition": 1}]})
    (store.folder / "journal.jsonl").write_bytes(first + last)
    with pytest.raises(Damaged, match=r"journal\.jsonl is damaged \(line 1"):
        store.manifest()


def test_a_part_that_the_manifest_has_under_another_name_is_listed_once(store):
    """As after a crash between the manifest of a compaction and the end of an older journal."""
    kept = (store.folder / "journal.jsonl").read_bytes()
    with store.locked():
        pass
    (store.folder / "journal.jsonl").write_bytes(kept)
    assert seeds(store) == [0, 1, 2]
    assert store.curves().height == 3


def test_without_its_manifest_a_journal_is_not_enough(store):
    (store.folder / "manifest.json").unlink()
    with pytest.raises(Damaged, match=r"manifest\.json is missing"):
        store.stored()


def test_the_weights_of_a_network_are_read_while_others_are_damaged(store):
    (path,) = (
        p
        for n, part in store.manifest().items()
        if part["lanes"][0]["seed"] == 1
        for p in [store.parts.path(n, "checkpoints")]
    )
    path.write_bytes(b"")
    assert store.weights(KEY, 2)["output/bias"].tolist() == [2, 2]
    with pytest.raises(Damaged, match=path.name):
        store.weights(KEY, 1)
