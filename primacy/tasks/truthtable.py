"""A boolean function as its truth table: written as text, and what is known about it.

Row i of a table holds the function's value where bit j is `(i >> j) & 1`. Everything here but
`parse` is about the uniform law: each bit a fair coin, independent of the others. Reads no other
file of the package.
"""

import re

import numpy as np
from jaxtyping import Bool, Float, Int

MOST_BITS = 16
"""A table of so many bits has 65,536 rows; the facts take a fraction of a second."""

OPERATIONS = {"and": np.logical_and, "xor": np.logical_xor, "or": np.logical_or}
_BINDS = {"not": 4, "and": 3, "xor": 2, "or": 1, "(": 0}
_TOKEN = re.compile(r"\s*(?:(?P<name>[^\W\d]\w*)|(?P<sign>[()])|(?P<other>\S))")


def bits(k: int) -> Bool[np.ndarray, "rows k"]:
    """Every setting of k bits, one a row."""
    return (np.arange(2**k)[:, None] >> np.arange(k)) % 2 == 1


def parse(text: str) -> tuple[tuple[str, ...], Bool[np.ndarray, "rows"]]:
    """The named bits of an expression, in order of first appearance, and its truth table.

    `not` binds closest, then `and`, then `xor`, then `or`; parentheses as usual. Any other word
    is the name of a bit.

    Raises:
        ValueError: not such an expression; says what was found where.
    """
    tokens = []
    for match in _TOKEN.finditer(text.rstrip()):
        if found := match["other"]:
            raise ValueError(
                f'"{found}" at character {match.start("other") + 1}: expected names of bits, '
                "and, or, xor, not, and parentheses"
            )
        tokens.append(match["name"] or match["sign"])
    names = tuple(dict.fromkeys(t for t in tokens if t not in _BINDS and t != ")"))
    if len(names) > MOST_BITS:
        raise ValueError(f"{len(names)} bits; at most {MOST_BITS} are possible")
    column = dict(zip(names, bits(len(names)).T, strict=True))

    # Two stacks (shunting yard) and no recursion, so that no text can exhaust Python's stack.
    values: list[np.ndarray] = []
    waiting: list[str] = []

    def apply() -> None:
        operation = waiting.pop()
        right = values.pop()
        values.append(~right if operation == "not" else OPERATIONS[operation](values.pop(), right))

    operand_next, before = True, "the start"
    for token in tokens:
        if operand_next != (token in column or token in ("not", "(")):
            expected = "a bit, not or (" if operand_next else "and, or, xor or )"
            raise ValueError(f'"{token}" after {before}: expected {expected}')
        if token in column:
            values.append(column[token])
        elif token in ("not", "("):
            waiting.append(token)
        else:
            while waiting and _BINDS[waiting[-1]] >= _BINDS.get(token, 1):
                apply()
            if token != ")":
                waiting.append(token)
            elif not waiting:
                raise ValueError("a ) without its (")
            else:
                waiting.pop()
        operand_next = token not in column and token != ")"
        before = f'"{token}"'
    if operand_next:
        raise ValueError(f"ends after {before}: expected a bit, not or (")
    while waiting:
        if waiting[-1] == "(":
            raise ValueError("a ( without its )")
        apply()
    return names, values.pop()


def size(table: Bool[np.ndarray, "rows"]) -> int:
    """How many bits the table is over."""
    return table.size.bit_length() - 1


def sensitive(table: Bool[np.ndarray, "rows"]) -> Bool[np.ndarray, "k rows"]:
    """Whether flipping bit j of row i changes the value."""
    rows = np.arange(table.size)
    flips = [table != table[rows ^ (1 << j)] for j in range(size(table))]
    return np.array(flips, bool).reshape(size(table), table.size)


def average_sensitivity(
    table: Bool[np.ndarray, "rows"], weights: Float[np.ndarray, "rows"] | None = None
) -> float:
    """Mean number of bits whose flip changes the value.

    0: constant. 1: a function of one bit. k: parity of k bits. Also called total influence, where
    all rows are alike.

    Args:
        table: of the function.
        weights: how often each row is met, summing to 1; None: all alike.

    Reference:
        O'Donnell 2014, Analysis of Boolean Functions, definition 2.27.
    """
    flips = sensitive(table)
    return float((flips.mean(1) if weights is None else flips @ weights).sum())


def walsh(table: Bool[np.ndarray, "rows"]) -> Int[np.ndarray, "rows"]:
    """Sum over rows of (-1)^value times the parity of the bits in the row's number.

    Whole numbers, so that zero is exactly zero; over the number of rows they are the Fourier
    coefficients of the function taken as +1 and -1.
    """
    sums = 1 - 2 * table.astype(np.int64)
    for j in range(size(table)):
        pairs = sums.reshape(-1, 2, 1 << j)
        sums = np.stack([pairs.sum(1), pairs[:, 0] - pairs[:, 1]], 1).reshape(-1)
    return sums


def fourier_mass(table: Bool[np.ndarray, "rows"]) -> Float[np.ndarray, "degrees"]:
    """Squared Fourier coefficients summed by degree, 0 to k; they sum to 1.

    Degree 0 is the label's imbalance, degree 1 what a linear readout of single bits finds; all
    mass at degree k is parity.

    Reference:
        O'Donnell 2014, Analysis of Boolean Functions, definition 1.19.
    """
    degree = np.bitwise_count(np.arange(table.size))
    return np.bincount(degree, (walsh(table) / table.size) ** 2, size(table) + 1)


def leap(table: Bool[np.ndarray, "rows"]) -> int:
    """The most new bits that must be found at once.

    Taking the function's Fourier terms in the best order, the largest number of bits in one term
    that no earlier term had. 0: constant. 1: a staircase, learnable bit by bit. k: parity of k
    bits, where no smaller term gives a hint.

    Reference:
        Abbe, Boix-Adsera, Misiakiewicz 2023, arXiv 2302.11055, definition 1.
    """
    terms = np.flatnonzero(walsh(table))
    known, largest = 0, 0
    # The term with the fewest new bits next is optimal: known bits only ever help.
    while terms.size:
        new = np.bitwise_count(terms & ~known)
        largest = max(largest, int(new.min()))
        known |= int(terms[new.argmin()])
        terms = terms[(terms & ~known) != 0]
    return largest


def linearly_separable(table: Bool[np.ndarray, "rows"]) -> bool:
    """Whether some weighted sum of the bits, against a threshold, is the function.

    Decided by a linear program, on the rows that bind: the function must rise or fall in each
    bit alone (else no), and then its lowest ones and highest zeros decide.

    Raises:
        RuntimeError: the program could be neither solved nor shown to have no solution.
    """
    from scipy.optimize import linprog  # a third of a second to import, which few studies need

    k, rows, all_bits = size(table), np.arange(table.size), bits(size(table))
    flips = sensitive(table)
    rises = np.array([(flips[j] & (table == all_bits[:, j])).any() for j in range(k)], bool)
    falls = np.array([(flips[j] & (table != all_bits[:, j])).any() for j in range(k)], bool)
    if (rises & falls).any():
        return False
    # Turned so that it never falls: a row binds if each bit that could break it does.
    turned = all_bits ^ falls
    held = table == turned.T  # ones that keep a one, zeros that keep a zero
    binding = rows[np.where(held & (rises | falls)[:, None], flips, True).all(0)]
    sign = np.where(table[binding], 1.0, -1.0)[:, None]
    points = np.column_stack([turned[binding], np.ones(binding.size)])
    answer = linprog(
        np.zeros(k + 1),
        A_ub=-sign * points,
        b_ub=-np.ones(binding.size),
        bounds=[(0, None)] * k + [(None, None)],
    )
    if answer.status not in (0, 2):
        raise RuntimeError(f"linear separability is undecided: {answer.message}")
    return answer.status == 0
