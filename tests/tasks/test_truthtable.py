"""Truth tables: the parser against Python's own, the facts against brute force and known values."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from primacy.tasks import truthtable

PARITY4 = truthtable.parse("a xor b xor c xor d")[1]
AND4 = truthtable.parse("a and b and c and d")[1]
MAJORITY3 = truthtable.parse("a and b or a and c or b and c")[1]
tables = st.integers(0, 4).flatmap(
    lambda k: st.lists(st.booleans(), min_size=2**k, max_size=2**k).map(np.array)
)


@st.composite
def expressions(draw, depth=4):
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from("abcd"))
    left, right = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    return draw(st.sampled_from([f"({left})", f"not {left}", *(
        f"{left} {op} {right}" for op in ("and", "or", "xor"))]))  # fmt: skip


@given(expressions())
def test_a_parsed_expression_means_what_python_says(text):
    # Oracle: Python's ~ & ^ |, which bind in the same order.
    python = text.replace("not", "~").replace("and", "&").replace("xor", "^").replace("or", "|")
    names, table = truthtable.parse(text)
    for row in range(2 ** len(names)):
        setting = {name: (row >> j) & 1 for j, name in enumerate(names)}
        assert table[row] == bool(eval(python, {}, setting) & 1)  # noqa: S307


def test_bits_come_in_order_of_first_appearance():
    assert truthtable.parse("z and (y xor not x) or y")[0] == ("z", "y", "x")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a and", 'ends after "and"'),
        ("a b", '"b" after "a": expected and, or, xor or )'),
        ("a AND b", '"AND" after "a"'),
        ("and a", '"and" after the start'),
        ("(a or b", "a ( without its )"),
        ("a or b)", "a ) without its ("),
        ("()", '")" after "(": expected a bit'),
        ("a & b", '"&" at character 3'),
        ("__import__('os') or a", '"\'" at character 12'),
        ("a and 3", '"3" at character 7'),
        ("", "ends after the start"),
        (" xor ".join(f"b{i}" for i in range(17)), "17 bits; at most 16"),
    ],
)
def test_what_is_no_expression_is_refused_with_the_place(text, says):
    with pytest.raises(ValueError) as caught:
        truthtable.parse(text)
    assert says in str(caught.value)


def test_deep_nesting_does_not_exhaust_the_stack():
    assert truthtable.parse("(" * 50_000 + "a" + ")" * 50_000)[1].tolist() == [False, True]


def brute_fourier(table):
    """Coefficients by their definition: mean of (-1)^f times the parity of a subset."""
    k = int(math.log2(table.size))
    for subset in itertools.product((0, 1), repeat=k):
        total = 0
        for row in range(table.size):
            parity = sum(s * ((row >> j) & 1) for j, s in enumerate(subset))
            total += (-1) ** (int(table[row]) + parity)
        yield subset, total / table.size


@given(tables)
def test_fourier_mass_follows_its_definition_and_parseval(table):
    expected = np.zeros(truthtable.size(table) + 1)
    for subset, coefficient in brute_fourier(table):
        expected[sum(subset)] += coefficient**2
    np.testing.assert_allclose(truthtable.fourier_mass(table), expected, atol=1e-12)
    assert truthtable.fourier_mass(table).sum() == pytest.approx(1)


@given(tables)
def test_average_sensitivity_is_the_mean_degree_of_the_fourier_mass(table):
    # O'Donnell 2014, theorem 2.38.
    mass = truthtable.fourier_mass(table)
    assert truthtable.average_sensitivity(table) == pytest.approx(mass @ np.arange(mass.size))


@given(tables.filter(lambda t: t.size <= 8))
def test_leap_is_the_least_over_all_orders(table):
    # Oracle: the definition, every order of the terms tried.
    terms = [frozenset(np.flatnonzero(s)) for s, c in brute_fourier(table) if abs(c) > 1e-12]
    # Terms of the same bits, and the empty one, change nothing; at most 7 are left: 5,040 orders.
    terms = [t for t in terms if t]

    def worst(order):
        known, largest = frozenset(), 0
        for term in order:
            largest, known = max(largest, len(term - known)), known | term
        return largest

    assert truthtable.leap(table) == min(map(worst, itertools.permutations(terms)), default=0)


@given(tables.filter(lambda t: t.size <= 16))
def test_separability_agrees_with_a_search_over_whole_weights(table):
    # Oracle: threshold functions of up to 4 bits all have whole weights of size at most 3
    # (Muroga 1971, table of threshold functions).
    k = truthtable.size(table)
    settings = truthtable.bits(k).astype(int)
    weights = np.array(list(itertools.product(range(-3, 4), repeat=k))).reshape(7**k, k)
    sums = (settings @ weights.T).astype(int)
    above = np.where(table[:, None], sums, 99).min(0) > np.where(table[:, None], -99, sums).max(0)
    assert truthtable.linearly_separable(table) == above.any()


def test_how_many_functions_are_separable():
    # Oracle: OEIS A000609, threshold functions of 0 to 3 variables.
    for k, count in enumerate((2, 4, 14, 104)):
        every = itertools.product((False, True), repeat=2**k)
        assert sum(truthtable.linearly_separable(np.array(t)) for t in every) == count


@pytest.mark.parametrize(
    ("table", "sensitivity", "mass", "leap", "separable"),
    [
        # Closed forms: O'Donnell 2014, chapters 1 and 2.
        (PARITY4, 4, [0, 0, 0, 0, 1], 4, False),
        (AND4, 0.5, [0.765625, 0.0625, 0.09375, 0.0625, 0.015625], 1, True),
        (MAJORITY3, 1.5, [0, 0.75, 0, 0.25], 1, True),
        (np.array([False, True]), 1, [0, 1], 1, True),
        # (a xor b) and (c xor d): the terms are 1, ab, cd and abcd, each of size 1/2.
        (truthtable.parse("(a xor b) and (c xor d)")[1], 2, [0.25, 0, 0.5, 0, 0.25], 2, False),
    ],
)
def test_known_functions(table, sensitivity, mass, leap, separable):
    assert truthtable.average_sensitivity(table) == pytest.approx(sensitivity)
    np.testing.assert_allclose(truthtable.fourier_mass(table), mass, atol=1e-12)
    assert truthtable.leap(table) == leap
    assert truthtable.linearly_separable(table) is separable


def test_the_largest_table_is_quick_enough_and_right():
    names = [f"b{i}" for i in range(16)]
    parity = truthtable.parse(" xor ".join(names))[1]
    every = truthtable.parse(" and ".join(names))[1]
    assert truthtable.leap(parity) == 16 and not truthtable.linearly_separable(parity)
    assert truthtable.leap(every) == 1 and truthtable.linearly_separable(every)
    # and of k bits: k 2^(1-k)
    assert truthtable.average_sensitivity(every) == pytest.approx(16 * 2**-15)
