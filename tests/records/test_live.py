"""The live files: what is written is read back, and what others put there is no danger."""

import os

import pytest

from primacy.records import live


def test_reads_back_what_was_written_and_goes_on_from_there(tmp_path):
    file = live.path(tmp_path, "ab" * 6, 3)
    live.append(file, [live.line(0, [0.5, float("nan")]), live.line(8, [0.987654321, 1])])
    rows, end = live.read(file)
    assert rows == [(0, [0.5, None]), (8, [0.98765, 1.0])]
    live.append(file, [live.line(16, [1, 1])[:-5]])  # a line that is being written
    assert live.read(file, end) == ([], end)
    with file.open("a") as out:
        out.write(live.line(16, [1, 1])[-5:])
    assert live.read(file, end)[0] == [(16, [1.0, 1.0])]
    assert live.files(tmp_path) == {("ab" * 6, 3): file}


def test_sweeping_leaves_no_folder(tmp_path):
    live.append(live.path(tmp_path, "ab", 0), [live.line(0, [1])])
    live.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
    live.sweep(tmp_path)


def test_files_of_others_are_neither_read_nor_removed(tmp_path):
    folder = tmp_path / "live"
    folder.mkdir()
    for name in ("notes.txt", "ab-1.jsonl.exe", "..-1.jsonl", "ab-x.jsonl", "-3.jsonl"):
        (folder / name).write_text(live.line(0, [1]))
    (folder / "ab-1.jsonl").symlink_to("/etc/passwd")
    os.mkfifo(folder / "ab-2.jsonl")  # reading it would never end
    assert live.files(tmp_path) == {}
    live.sweep(tmp_path)
    assert (folder / "notes.txt").exists()


@pytest.mark.parametrize(
    "text",
    [b"\xff\xfe\n", b"[]\n", b'{"step": "1", "values": []}\n', b'{"step": 1, "values": ["<b>"]}\n',
     b'{"step": -1, "values": []}\n', b'{"step": true, "values": []}\n', b"[" * 10_000 + b"\n"],
)  # fmt: skip
def test_a_line_that_is_none_is_passed_over(tmp_path, text):
    file = tmp_path / "ab-0.jsonl"
    file.write_bytes(text + live.line(8, [0.5]).encode())
    assert live.read(file)[0] == [(8, [0.5])]


def test_a_file_that_is_gone_has_no_evaluations(tmp_path):
    assert live.read(tmp_path / "ab-0.jsonl", 7) == ([], 7)
