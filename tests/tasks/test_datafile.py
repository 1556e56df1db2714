"""Data files: what they hold is read exactly, and what is wrong or hostile is refused in words."""

import io
import os
import struct
import zipfile

import numpy as np
import polars as pl
import pytest

from primacy.tasks import datafile

FRAME = pl.DataFrame({"a": [1.5, 2.0, 3.0], "b": [1, 2, 3], "t": [True, False, True]})


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.fixture
def written(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_the_three_formats_hold_the_same(tmp_path):
    FRAME.write_csv(tmp_path / "x.csv")
    FRAME.write_parquet(tmp_path / "x.parquet")
    npz(tmp_path / "x.npz", **{name: FRAME[name].to_numpy() for name in FRAME.columns})
    for ending in ("csv", "parquet", "npz"):
        table = datafile.read(tmp_path / f"x.{ending}")
        assert table.columns == ["a", "b", "t"]
        assert table.numbers("a").tolist() == [1.5, 2.0, 3.0]
        assert table.numbers("t").tolist() == [1, 0, 1]
        assert table.numbers("b").dtype == np.float32


def test_an_array_with_two_axes_stands_for_its_columns(tmp_path):
    x = np.arange(6.0).reshape(3, 2)
    table = datafile.read(npz(tmp_path / "x.npz", x=x, y=np.ones(3)))
    assert table.columns == ["x", "x[0]", "x[1]", "y"]
    assert table.spread(("y", "x")) == ("y", "x[0]", "x[1]")
    np.testing.assert_array_equal(table.numbers("x[1]"), x[:, 1])


def test_an_array_that_nobody_asks_for_may_have_any_shape(tmp_path):
    path = npz(tmp_path / "x.npz", a=np.ones(3), pictures=np.ones((3, 2, 2)), version=np.array(1))
    table = datafile.read(path)
    assert table.columns == ["pictures", "a", *table.families["pictures"]]
    assert "0 axes" in table.no_columns["version"]
    # One of other rows is of something else: told where it is asked for.
    table = datafile.read(npz(tmp_path / "y.npz", a=np.ones(3), pictures=np.ones((2, 2, 2))))
    assert table.columns == ["a"]
    assert table.no_columns["pictures"] == '"pictures" has 2 rows, others have 3'


def test_a_region_of_images_is_the_columns_that_numpy_slices(tmp_path):
    images = np.arange(2 * 4 * 5 * 3.0).reshape(2, 4, 5, 3)
    table = datafile.read(npz(tmp_path / "x.npz", images=images, y=np.ones(2)))
    assert table.families["images"][:2] == ("images[0,0,0]", "images[0,0,1]")
    for name, part in {
        "images": images,
        "images[1..2, *, 0]": images[:, 1:3, :, 0],
        "images[3,4,*]": images[:, 3, 4, :],
        "images[0, 0..1, 1..2]": images[:, 0, :2, 1:],
    }.items():
        found = np.stack([table.numbers(c) for c in table.spread((name,))], 1)
        np.testing.assert_array_equal(found, part.reshape(2, -1))
    for wrong in ("images[4,0,0]", "images[2..1,*,*]", "images[0]", "images[a,*,*]", "y[0]"):
        assert table.spread((wrong,)) == (wrong,)


def test_types_of_a_csv_come_from_all_rows(written):
    rows = "\n".join(["1"] * 5000 + ["2.5"])
    assert datafile.read(written("x.csv", f"a,b\n{rows.replace(chr(10), ',1' + chr(10))},1\n")
                         ).numbers("a")[-1] == 2.5  # fmt: skip


def test_blanks_after_commas_are_no_text(written):
    table = datafile.read(written("x.csv", "a,b\n1, 2.5\n3, 4\n"))
    assert table.numbers("b").tolist() == [2.5, 4]


def test_byte_order_mark_quotes_and_line_ends_of_windows(written):
    table = datafile.read(written("x.csv", b'\xef\xbb\xbf"a, b",c\r\n1,2\r\n3,4\r\n'))
    assert table.numbers("a, b").tolist() == [1, 3]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("1\nNaN\n3\nnan", "2 missing values (first: row 2)"),
        ("1\n2\n-inf", "Inf in row 3"),
        ("1,x\n,y\n3,z", "1 missing value (first: row 2)"),
        ("1\n2\n1e39", "1e+39 in row 3, too large for single precision"),
        ("1\nNA\n3", 'holds text ("NA" in row 2); expected numbers'),
        ('1\n"2,5"\n3', 'holds text ("2,5" in row 2)'),
        ("red\ngreen", 'holds text ("red" in row 1)'),
    ],
)
def test_what_is_no_finite_number_is_named_with_its_row(written, rows, says):
    header = "a,other" if ",x" in rows else "a"
    with pytest.raises(ValueError) as caught:
        datafile.read(written("x.csv", f"{header}\n{rows}\n")).numbers("a")
    assert str(caught.value).startswith(says)


def test_dates_and_lists_are_no_numbers(tmp_path):
    frame = pl.DataFrame({"day": ["2024-01-01"], "list": [[1, 2]]}).with_columns(
        pl.col("day").str.to_date()
    )
    frame.write_parquet(tmp_path / "x.parquet")
    table = datafile.read(tmp_path / "x.parquet")
    for name, kind in (("day", "date"), ("list", "list")):
        with pytest.raises(ValueError, match=f"holds {kind}.*expected numbers"):
            table.numbers(name)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.pkl", b"cos\nsystem\n", "expected a file that ends in .csv, .npz, .parquet"),
        ("x.pt", b"", "expected a file that ends in"),
        ("x.csv", b"", "cannot be read as csv"),
        ("x.csv", b"a,b\n", "holds no rows"),
        ("x.csv", b"a,b\n1,2\n3,4,5\n", "cannot be read as csv"),
        ("x.csv", b"a,a\n1,2\n", 'two columns are named "a"'),
        ("x.csv", b"a;b\n1,5;2\n", "expected commas between columns"),
        ("x.csv", b"a,b\n1,\xff\xfe\n", "cannot be read as csv"),
        ("x.parquet", b"PAR1 nothing PAR1", "cannot be read as parquet"),
        ("x.parquet", b"", "cannot be read as parquet"),
        ("x.npz", b"PK\x03\x04", "cannot be read as npz"),
        ("x.npz", b"", "cannot be read as npz"),
    ],
)
def test_damaged_and_foreign_files_are_refused(written, name, content, says):
    with pytest.raises(ValueError, match=says):
        datafile.read(written(name, content))


def test_a_truncated_parquet_file_is_refused(tmp_path):
    FRAME.write_parquet(tmp_path / "x.parquet")
    whole = (tmp_path / "x.parquet").read_bytes()
    for length in range(0, len(whole), len(whole) // 5):
        (tmp_path / "y.parquet").write_bytes(whole[:length])
        with pytest.raises(ValueError):
            datafile.read(tmp_path / "y.parquet")


def test_flipped_bytes_of_an_npz_are_refused_or_harmless(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", a=np.arange(50.0), b=np.ones((50, 2)))
    whole = (tmp_path / "x.npz").read_bytes()
    refused = 0
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 0xFF
        (tmp_path / "y.npz").write_bytes(flipped)
        try:
            table = datafile.read(tmp_path / "y.npz")
        except ValueError:
            refused += 1
        else:
            datafile._READ.pop(table.sha256)
    assert refused > len(whole) / 3


def test_damage_that_ends_the_reader_is_a_message_and_not_the_end_of_us(tmp_path, monkeypatch):
    # Found by flipping bytes: a page that claims 2^61 bytes made polars 2.1 abort its process.
    FRAME.head(1).write_parquet(tmp_path / "x.parquet")
    monkeypatch.setattr(datafile, "_TRIAL", "import os; os.abort()")
    with pytest.raises(ValueError, match="cannot be read as parquet: damaged"):
        datafile.read(tmp_path / "x.parquet")


def test_python_objects_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    path = npz(tmp_path / "x.npz", a=np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match='"a" holds Python objects'):
        datafile.read(path)
    assert not (tmp_path / "exploded").exists()


def member(header):
    text = header.encode().ljust(118)
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (member("{'descr': '<f8', 'fortran_order': False, 'shape': (10**12,), }"), None),
        (member("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"), "claims"),
        (member("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"), "claims"),
        (member("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (0,), }"), "structure"),
        (b"\x93NUMPY\x03\x00" + b"\0" * 200, "NumPy format"),
        (b"not numpy at all", None),
    ],
)
def test_headers_that_lie_are_refused_before_memory_is_taken(tmp_path, content, says):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(ValueError, match=says):
        datafile.read(tmp_path / "x.npz")


def test_arrays_of_other_shapes_are_refused(tmp_path):
    with pytest.raises(ValueError, match='"a" has 0 axes'):
        datafile.read(npz(tmp_path / "x.npz", a=np.array(1)))
    with pytest.raises(ValueError, match='"a" has 90,000 numbers a row; at most 65,536'):
        datafile.read(npz(tmp_path / "z.npz", a=np.ones((2, 300, 300), np.int8)))
    with pytest.raises(ValueError, match='"c" has 4 rows, others have 3'):
        datafile.read(npz(tmp_path / "y.npz", a=np.ones(3), b=np.ones(3), c=np.ones(4)))


def test_sizes_are_capped_before_anything_is_unpacked(tmp_path, monkeypatch):
    wide = io.BytesIO()
    pl.DataFrame({f"c{i}": [0.0] * 100 for i in range(20)}).write_parquet(wide)
    (tmp_path / "x.parquet").write_bytes(wide.getvalue())
    (tmp_path / "x.csv").write_text("a,b\n" + "1,2\n" * 1000)
    npz(tmp_path / "x.npz", a=np.zeros(2000))
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", b"\0" * 10**7)
    monkeypatch.setattr(datafile, "MOST_CELLS", 1999)
    for name in ("x.parquet", "x.csv", "x.npz"):
        with pytest.raises(ValueError, match="at most 1,999 cells"):
            datafile.read(tmp_path / name)
    monkeypatch.setattr(datafile, "MOST_BYTES", 10**6)
    with pytest.raises(ValueError, match="when unpacked"):
        datafile.read(tmp_path / "bomb.npz")
    monkeypatch.setattr(datafile, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match="bytes; at most 100 are read"):
        datafile.read(tmp_path / "x.csv")


def test_a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "x.csv")
    with pytest.raises(ValueError, match="not a file"):
        datafile.read(tmp_path / "x.csv")


def test_a_study_file_reaches_only_its_own_folder(tmp_path):
    folder = tmp_path / "study"
    (folder / "data").mkdir(parents=True)
    for place in (tmp_path / "x.csv", folder / "x.csv", folder / "data" / "x.csv"):
        place.write_text("a\n1\n")
    (folder / "link.csv").symlink_to(tmp_path / "x.csv")
    (folder / "behind").symlink_to(tmp_path)
    assert datafile.locate(folder, "x.csv") == (folder / "x.csv").resolve()
    assert datafile.locate(folder, "data/x.csv") == (folder / "data" / "x.csv").resolve()
    for file, says in [
        ("../x.csv", "no absolute path"),
        ("data/../../x.csv", "no absolute path"),
        ("data\\..\\..\\x.csv", "no absolute path"),
        (str(tmp_path / "x.csv"), "no absolute path"),
        ("C:\\x.csv", "no absolute path"),
        ("\\x.csv", "no absolute path"),
        ("link.csv", "link"),
        ("behind/x.csv", "link"),
        ("y.csv", "no such file"),
        ("x\0.csv", "NUL"),
    ]:
        with pytest.raises(ValueError, match=says):
            datafile.locate(folder, file)


def test_a_changed_file_is_noticed(tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\n")
    sha256 = datafile.read(tmp_path / "x.csv").sha256
    (tmp_path / "x.csv").write_text("a\n2\n")
    assert datafile.table(tmp_path / "x.csv", sha256).numbers("a").tolist() == [1]  # from memory
    datafile._READ.pop(sha256)
    with pytest.raises(ValueError, match=r"x\.csv has changed"):
        datafile.table(tmp_path / "x.csv", sha256)


def raw(path, descr, shape, content=b""):
    """An npz of one array with a header as given."""
    head = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}\n".encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head))
        archive.writestr("x.npy", magic + head + content)
    return path


@pytest.mark.parametrize(
    ("descr", "shape", "content", "told"),
    [
        ("|V8", (4,), bytes(32), "expected numbers"),
        ("<c16", (4,), bytes(64), "expected numbers"),
        ("<f16", (4,), bytes(64), "expected numbers"),
        ("|S0", (2**40,), b"", "expected numbers"),
        ("<f4", (True,), bytes(4), "header claims shape"),
        ("<U2", (4,), b"\xff" * 32, "text that is none"),
        ("<M8", (4,), bytes(32), "NumPy datetime"),
    ],
)
def test_a_strange_array_is_refused_in_one_line(tmp_path, descr, shape, content, told):
    with pytest.raises(ValueError, match=told) as error:
        datafile.read(raw(tmp_path / "x.npz", descr, shape, content))
    assert "\n" not in str(error.value)


def test_an_array_is_counted_before_it_is_unpacked(tmp_path, monkeypatch):
    """A million columns in a few bytes took a minute and 1.1 GB."""
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("unpacked"))
    with pytest.raises(ValueError, match=r"1,048,576 columns; at most 65,536"):
        datafile.read(raw(tmp_path / "x.npz", "|b1", (1, 2**20), bytes(2**20)))
    with zipfile.ZipFile(tmp_path / "y.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "ab":  # each within the limit, and both together not
            head = b"{'descr': '|b1', 'fortran_order': False, 'shape': (70000000,), }\n"
            magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head))
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(magic + head + bytes(70_000_000))
    with pytest.raises(ValueError, match=r"140,000,000 rows x 1 columns"):
        datafile.read(tmp_path / "y.npz")


def test_a_column_of_a_family_is_no_other_array(tmp_path):
    path = npz(tmp_path / "x.npz", **{"x": np.ones((3, 2)), "x[0]": np.zeros(3)})
    with pytest.raises(ValueError, match=r'two columns are named "x\[0\]"'):
        datafile.read(path)


def test_names_of_a_csv_have_limits(written):
    with pytest.raises(ValueError, match="cannot be read as csv: field larger"):
        datafile.read(written("x.csv", "a" * 140_000 + ",b\n1,2\n"))
    many = ",".join(f"c{i}" for i in range(70_000))
    with pytest.raises(ValueError, match="70,000 columns"):
        datafile.read(written("y.csv", f"{many}\n"))
