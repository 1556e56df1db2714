"""Where keys stand. Oracles: lines counted by hand, and tomllib for which paths there are."""

import textwrap
import tomllib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primacy.study.toml.lines import locate


def paths(value, above=()):
    """Every path of a parsed document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inside:
        yield (*above, key)
        if isinstance(item, (dict, list)):
            yield from paths(item, (*above, key))


CASES = {
    "comments and blank lines": (
        """\
        # a = 1
        a = 1  # b = 2

        b = 2
        """,
        {("a",): 2, ("b",): 4},
    ),
    "inline tables": (
        """\
        of = { feature = "linear", at = { learned = "x" } }
        minus = {}
        """,
        {
            ("of",): 1,
            ("of", "feature"): 1,
            ("of", "at"): 1,
            ("of", "at", "learned"): 1,
            ("minus",): 2,
        },
    ),
    "arrays over several lines": (
        """\
        features = [  # one [ or two
          "linear", "a, b",
          [1,
           2],
        ]
        empty = []
        after = 1
        """,
        {
            ("features",): 1,
            ("features", 0): 2,
            ("features", 1): 2,
            ("features", 2): 3,
            ("features", 2, 0): 3,
            ("features", 2, 1): 4,
            ("empty",): 6,
            ("after",): 7,
        },
    ),
    "dotted keys": (
        """\
        training.epochs = 3
        training . steps = 4
        [task]
        a.b.c = 1
        a.b.d = 2
        """,
        {
            ("training",): 1,
            ("training", "epochs"): 1,
            ("training", "steps"): 2,
            ("task",): 3,
            ("task", "a"): 4,
            ("task", "a", "b"): 4,
            ("task", "a", "b", "c"): 4,
            ("task", "a", "b", "d"): 5,
        },
    ),
    "quoted keys": (
        """\
        "training.rate" = [1]
        'a"b' = 1
        [grid."a \\" ] = #"]
        "\\u00e9" = 1
        """,
        {
            ("training.rate",): 1,
            ("training.rate", 0): 1,
            ('a"b',): 2,
            ("grid",): 3,
            ("grid", 'a " ] = #'): 3,
            ("grid", 'a " ] = #', "é"): 4,
        },
    ),
    "arrays of tables": (
        """\
        [[condition]]
        name = "a"
        [condition.model]
        widths = [8]
        [[condition]]
        name = "b"
        model.widths = [4]
        [[condition.deep]]
        x = 1
        [[condition.deep]]
        x = 2
        [[condition]]
        [[condition.deep]]
        """,
        {
            ("condition",): 1,
            ("condition", 0): 1,
            ("condition", 0, "name"): 2,
            ("condition", 0, "model"): 3,
            ("condition", 0, "model", "widths"): 4,
            ("condition", 0, "model", "widths", 0): 4,
            ("condition", 1): 5,
            ("condition", 1, "name"): 6,
            ("condition", 1, "model"): 7,
            ("condition", 1, "model", "widths"): 7,
            ("condition", 1, "model", "widths", 0): 7,
            ("condition", 1, "deep"): 8,
            ("condition", 1, "deep", 0): 8,
            ("condition", 1, "deep", 0, "x"): 9,
            ("condition", 1, "deep", 1): 10,
            ("condition", 1, "deep", 1, "x"): 11,
            ("condition", 2): 12,
            ("condition", 2, "deep"): 13,
            ("condition", 2, "deep", 0): 13,
        },
    ),
    "tables implied by others": (
        """\
        [a.b]
        x = 1
        [a]
        y = 2
        """,
        {("a",): 1, ("a", "b"): 1, ("a", "b", "x"): 2, ("a", "y"): 4},
    ),
    "multi-line strings": (
        '''\
        a = """
        b = 1 " ""  \\"""
        [c]"""
        d = \'\'\'
        e = 1 ''
        \'\'\'
        f = """ends in two""\"""
        g = ["""
        """, """x"""]
        h = 1
        ''',
        {("a",): 1, ("d",): 4, ("f",): 7, ("g",): 8, ("g", 0): 8, ("g", 1): 9, ("h",): 10},
    ),
    "values that look like keys": (
        """\
        a = "b = 1 # [x]"
        c = '[d]'
        e = 1979-05-27 07:32:00
        f = [true, -inf, 0x1F]
        """,
        {("a",): 1, ("c",): 2, ("e",): 3, ("f",): 4, ("f", 0): 4, ("f", 1): 4, ("f", 2): 4},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_key_is_found_on_its_line(case):
    text, expected = CASES[case]
    text = textwrap.dedent(text)
    assert locate(text) == expected
    assert set(expected) == set(paths(tomllib.loads(text)))


def test_windows_line_ends():
    assert locate("a = 1\r\n\r\nb = [1,\r\n2]\r\n") == {
        ("a",): 1,
        ("b",): 3,
        ("b", 0): 3,
        ("b", 1): 4,
    }


def test_no_last_line_end_and_nothing_at_all():
    assert locate("") == {}
    assert locate("a = 1") == {("a",): 1}


def test_the_built_in_studies():
    for file in (resources.files("primacy") / "studies").iterdir():
        text = file.read_text("utf-8")
        assert set(locate(text)) == set(paths(tomllib.loads(text))), file.name


# Documents written by a grammar of our own; tomllib says which paths they have.
keys = st.sampled_from(["a", "b-1", '"q.k"', "'l \" k'", '"\\" # ="'])
scalars = st.sampled_from(
    ["1", "-2.5e3", "true", '"x"', "'#'", '"""\n]"""', "'''}\n'''", "07:32:00", '""', '""""q"""']
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda v: "[ # ]\n" + ",\n".join(v) + "]"),
        st.dictionaries(keys, inner, max_size=3).map(
            lambda d: "{" + ", ".join(f"{k} = {v}" for k, v in d.items()) + "}"
        ),
    ),
    max_leaves=6,
)
tables = st.dictionaries(keys, values, max_size=3).map(
    lambda d: "\n".join(f"{k} = {v}" for k, v in d.items())
)


@given(st.lists(tables, min_size=1, max_size=4), st.booleans())
def test_paths_agree_with_tomllib(parts, repeated):
    text = parts[0] + "".join(
        f"\n{'[[t . x]]' if repeated else f'[t.n{i}]'} # c\n{part}"
        for i, part in enumerate(parts[1:])
    )
    found = locate(text)
    assert set(found) == set(paths(tomllib.loads(text)))
    # A key never begins above what holds it, nor below the text's end.
    lines = text.count("\n") + 1
    assert all(found.get(path[:-1], 1) <= line <= lines for path, line in found.items())
