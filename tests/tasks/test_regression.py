"""Regression tasks: what is drawn is what the notebook describes, what is declared is true."""

import dataclasses
import itertools
import json

import jax
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import integrate, linalg, stats

from primacy.registry import tasks
from primacy.rng import streams
from primacy.tasks.distractors import Distractors, PaddedDistractors
from primacy.tasks.gated import Gate
from primacy.tasks.moments import NOT_IDENTIFIED, condition_number, second_moments
from primacy.tasks.regression import Affine, Duplicates, NoisyShortcut, Sum

KINDS = (Affine, Sum, Duplicates, NoisyShortcut, Distractors, PaddedDistractors, Gate)

LINEAR = {
    "constant": Affine(),
    "affine": Affine(scale=0.1, shift=2.0),
    "noisy affine": Affine(scale=-2.0, shift=1.0, noise=0.5),
    "sum": Sum(),
    "sum15": Sum(term_scale=15.0),
    "sum of five": Sum(terms=5, term_scale=2.0),
    "half white": Sum(terms=3, term_scale=3.0, whitening=0.5),
    "white": Sum(terms=4, term_scale=3.0, whitening=1.0),
    "double": Duplicates(slope2=-1.0, shift2=-1.0),
    "double mistake": Duplicates(slope2=-1.0, probability=0.2),
    "double noise": Duplicates(noise1=0.2),
    "all knobs": Duplicates(noise1=0.5, slope1=3.0, slope2=0.1, shift2=1.0),
    "one good one bad": Duplicates(probability=1.0),
    "shortcut": NoisyShortcut(),
    "hard shortcut": NoisyShortcut(noise=0.5, term_scale=3.0),
    "distractors": Distractors(distractors=4),
    "gain": Distractors(distractors=3, gain=2.0, distractor_scale=0.5),
    "padded": PaddedDistractors(width=6, distractors=2.0, gain=2.0),
}


def made(task, n, seed=0, split="train"):
    batch = task.build(task.draw(split, streams(seed, "data"), n))
    return np.asarray(batch.inputs, float), np.asarray(batch.targets, float)[:, 0]


def columns(task, n=1000, **given):
    draws = task.draw("train", streams(0, "data"), n)
    return draws, np.asarray(task.build(draws).inputs)


# ------------------------------------------------------------------ the notebook's conditions


def test_affine_scales_and_shifts_the_target():
    draws, x = columns(Affine(scale=3.0, shift=-2.0))
    np.testing.assert_allclose(x[:, 0], 3 * draws["y"] - 2, rtol=1e-6, atol=1e-6)


def test_the_terms_sum_to_the_target_and_the_first_are_noise_of_that_scale():
    draws, x = columns(Sum(terms=3, term_scale=15.0))
    np.testing.assert_array_equal(x[:, :2], 15 * draws["terms"])
    np.testing.assert_allclose(x.sum(1), draws["y"], atol=1e-5)


def test_double_is_the_target_and_minus_it_minus_one():
    draws, x = columns(LINEAR["double"])
    np.testing.assert_array_equal(x[:, 0], draws["y"])
    np.testing.assert_array_equal(x[:, 1], -draws["y"] - 1)


@pytest.mark.parametrize(("probability", "at_least"), [(0.0, 0), (0.2, 1), (1.0, 1)])
def test_mistakes_come_with_their_probability(probability, at_least):
    # Oracle: the exact binomial test.
    draws, x = columns(Duplicates(slope2=-1.0, probability=probability), n=5000)
    wrong = int((x[:, 1] != -draws["y"]).sum())
    assert wrong >= at_least
    assert stats.binomtest(wrong, 5000, probability).pvalue > 1e-6
    right = x[:, 1] == -draws["y"]
    np.testing.assert_array_equal(x[~right, 1], -draws["noise2"][~right])


def test_the_shortcut_is_noisy_and_the_terms_sum_to_the_target():
    draws, x = columns(NoisyShortcut(noise=0.2, term_scale=2.0))
    np.testing.assert_allclose(x[:, 0], draws["y"] + 0.2 * draws["noise1"], atol=1e-6)
    np.testing.assert_array_equal(x[:, 1], 2 * draws["noise2"])
    np.testing.assert_allclose(x[:, 1] + x[:, 2], draws["y"], atol=1e-6)


def test_padding_ends_in_zeros_and_begins_like_the_literal_count():
    padded, literal = PaddedDistractors(width=12, distractors=4.0), Distractors(distractors=4)
    (_, x), (_, plain) = columns(padded), columns(literal)
    np.testing.assert_array_equal(x[:, :5], plain)
    assert x.shape == (1000, 12) and not x[:, 5:].any()
    assert padded.declared[1].columns == tuple(range(1, 12))
    assert padded.declared[1].facts["count"] == literal.declared[1].facts["count"] == 4


def test_no_distractors_leave_the_target_alone():
    (draws, x), task = columns(Distractors(distractors=0)), Distractors(distractors=0)
    np.testing.assert_array_equal(x[:, 0], draws["y"])
    assert [f.name for f in task.declared] == ["x1"] and x.shape[1] == 1


def test_the_default_gate_is_the_notebooks_step():
    draws, x = columns(Gate(), n=5000)
    y, flag = draws["y"], x[:, 0]
    np.testing.assert_array_equal(flag, y < 0)
    np.testing.assert_array_equal(np.where(flag == 1, x[:, 1], x[:, 2]), y)
    np.testing.assert_array_equal(np.where(flag == 1, -x[:, 2], x[:, 1]), draws["noise1"])


@pytest.mark.parametrize(("steepness", "leak"), [(0.0, 1.0), (1.0, 0.0), (3.0, 0.6), (1e9, 0.5)])
def test_the_gates_target_is_the_same_smooth_function_at_any_steepness(steepness, leak):
    # Oracle: the formula of the docstring in double precision, from the inputs alone.
    task = Gate(steepness=steepness, leak=leak)
    x, y = made(task, 4000)
    flag, a, b = x.T
    found = (flag * a + (1 - flag) * b) / np.sqrt(flag**2 + (1 - flag) ** 2)
    np.testing.assert_allclose(found, y, atol=2e-6)
    # The gate's own randomness: correlation -leak, standard normal.
    draws = task.draw("train", streams(0, "data"), 4000)
    u = np.sqrt(1 - leak**2) * draws["flag"] - leak * draws["y"]
    if steepness:
        np.testing.assert_array_equal(flag > 0.5, u > 0)
    assert abs(np.corrcoef(u, y)[0, 1] + leak) < 5 / np.sqrt(4000)


# ----------------------------------------------------------------------------- second moments


@pytest.mark.parametrize("name", LINEAR)
def test_second_moments_are_those_of_a_million_draws(name):
    """Each within 5 standard errors (of the same draws) of the mean product, and rounding."""
    task, n = LINEAR[name], 1_000_000
    s, c = second_moments(task)
    x, y = made(task, n)
    x = np.column_stack([x, np.ones(n), y])
    found, squares = x.T @ x / n, (x**2).T @ x**2 / n
    expected = np.block([[s, c[:, None]], [c[None], np.ones((1, 1))]])
    error = np.sqrt(np.maximum(squares - found**2, 0) / n)
    assert (abs(found - expected) <= 5 * error + 1e-6 * (1 + abs(expected))).all()


def eigenvalues(task):
    s, _ = second_moments(task)
    return linalg.eigvalsh(s[:-1, :-1])


def test_eigenvalues_are_the_known_ones():
    # Oracle: (trace +- sqrt(trace^2 - 4 determinant)) / 2 by hand; rounded, the known figures.
    for name, trace, determinant, known in [
        ("sum", 3, 1, (0.382, 2.618)),
        ("sum15", 451, 225, (0.499, 450.5)),
        ("double noise", 2.04, 0.04, (0.0198, 2.020)),
    ]:
        root = np.sqrt(trace**2 - 4 * determinant)
        found = eigenvalues(LINEAR[name])
        np.testing.assert_allclose(found, [(trace - root) / 2, (trace + root) / 2], rtol=1e-9)
        np.testing.assert_allclose(found, known, rtol=2e-3)


@pytest.mark.parametrize(
    ("task", "known"),
    [
        *((Affine(shift=float(c)), k) for c, k in [(0, 1), (1, 6.854102), (2, 33.970563)]),
        *((Affine(shift=float(c)), k) for c, k in [(5, 726.998625), (10, 10401.999904)]),
        *((Affine(scale=s), max(s**2, s**-2)) for s in (1e-9, 0.01, 0.05, 0.1, 0.5, 2.0, 10.0)),
        (Sum(term_scale=1e5), 4e10),
        (Duplicates(slope2=0.001, shift2=1e4), None),
        (Sum(), 6.854102),
        (Sum(term_scale=15.0, whitening=1.0), 1.0),
        (Duplicates(), None),
        (Duplicates(slope2=-1.0, shift2=-1.0), None),
        (Duplicates(probability=1.0), 1.0),
        (Distractors(distractors=999), 1.0),
        (Distractors(distractors=3, gain=2.0, distractor_scale=0.5), 16.0),
        (PaddedDistractors(distractors=3.0, gain=3.0), 9.0),
    ],
)
def test_condition_numbers_are_the_known_ones(task, known):
    # Oracle: shift c has trace 2 + c^2 and determinant 1; scale s is diagonal.
    assert condition_number(task) == (known and pytest.approx(known, rel=1e-6))


@pytest.mark.parametrize("name", LINEAR)
def test_the_declared_slopes_are_the_least_squares_optimum(name):
    """Oracle: scipy's solution of S w = c; `solo` that of one input and the 1."""
    task = LINEAR[name]
    s, c = second_moments(task)
    singular = condition_number(task) is None
    optimum = linalg.lstsq(s, c)[0]
    # What is left over is the ceiling's.
    assert 1 - (1 - c @ optimum) == pytest.approx(task.targets[0].ceiling, abs=1e-9)
    for f in task.declared:
        if f.name == "distractors":
            assert f.best == f.solo == f.predictivity == 0
            np.testing.assert_allclose(optimum[list(f.columns)], 0, atol=1e-9)
            continue
        (i,) = f.columns
        alone = linalg.solve(s[np.ix_([i, -1], [i, -1])], c[[i, -1]])
        assert f.solo == pytest.approx(alone[0], abs=1e-9)
        assert f.predictivity == pytest.approx(alone @ c[[i, -1]], abs=1e-9)
        if singular:
            assert f.best is None and f.reason == NOT_IDENTIFIED
        else:
            assert f.best == pytest.approx(optimum[i], abs=1e-9)
            assert (f.reason is None) == (f.best != 0)


def test_the_notebooks_optima():
    # Oracle: science of the notebook; 1 / 1.04 = .9615 is what the shortcut promises alone.
    facts = {f.name: (f.best, f.solo) for f in NoisyShortcut().declared}
    assert facts["x1"] == (0.0, pytest.approx(1 / 1.04))
    assert facts["x2"] == (1.0, 0.0) and facts["x3"] == (1.0, pytest.approx(0.5))
    assert [f.best for f in Duplicates(noise1=0.2).declared] == [0.0, 1.0]
    assert [f.best for f in Duplicates(slope2=-1.0, probability=0.2).declared] == [1.0, 0.0]
    assert [f.best for f in Affine(scale=0.01).declared] == [100.0]
    assert Affine(noise=2.0).targets[0].ceiling == 0.2


@pytest.mark.parametrize(("terms", "scale"), [(2, 1.0), (2, 15.0), (3, 0.3), (7, 4.0)])
@pytest.mark.parametrize("whitening", [0.0, 0.3, 1.0])
def test_whitening_is_a_power_of_the_covariance(terms, scale, whitening):
    # Oracle: SciPy's eigendecomposition of the plain covariance.
    plain = second_moments(Sum(terms=terms, term_scale=scale))[0][:-1, :-1]
    values, vectors = linalg.eigh(plain)
    task = Sum(terms=terms, term_scale=scale, whitening=whitening)
    expected = vectors * values ** (1 - whitening) @ vectors.T
    np.testing.assert_allclose(
        second_moments(task)[0][:-1, :-1], expected, atol=1e-9 * values[-1] + 1e-9
    )
    draws = task.draw("train", streams(0, "data"), 500)
    raw = np.asarray(Sum(terms=terms, term_scale=scale).build(draws).inputs, float)
    turned = raw @ (vectors * values ** (-whitening / 2) @ vectors.T)
    np.testing.assert_allclose(task.build(draws).inputs, turned, atol=2e-5)
    best = [f.best for f in task.declared]
    np.testing.assert_allclose(np.asarray(task.build(draws).inputs) @ best, draws["y"], atol=2e-4)


def test_whitening_1_is_exactly_white():
    for task in (Sum(whitening=1.0), Sum(terms=5, term_scale=15.0, whitening=1.0)):
        s, _ = second_moments(task)
        np.testing.assert_allclose(s, np.eye(len(s)), atol=1e-12)


def test_a_gate_has_no_second_moments_that_decide_it():
    with pytest.raises(ValueError, match="Gate is not linear"):
        second_moments(Gate())


# ------------------------------------------------------------------------------------ the gate


@pytest.mark.parametrize(
    ("steepness", "leak", "flag", "x1"),
    [
        (1e9, 1.0, 2 / np.pi, 1 / 3),  # the notebook's: sign of y; ((x + phi(0)) / 1.5) below 0
        (1e9, 0.0, 0.0, 1 / 4),  # a copy that is wrong half of the time: (1 - 1/2)^2
        (1e9, 0.5, 0.25 * 2 / np.pi, None),
        (0.0, 1.0, 0.0, 1 / 2),  # a sum of two white terms
        (1.0, 1.0, 1.0, None),  # a smooth flag is a function of y
        (1.0, 0.0, 0.0, None),
    ],
)
def test_the_gates_predictivities_are_closed_forms_at_the_ends(steepness, leak, flag, x1):
    declared = Gate(steepness=steepness, leak=leak).declared
    assert declared[0].predictivity == pytest.approx(flag, abs=1e-6)
    assert declared[0].facts["leak_r_squared"] == declared[0].predictivity
    assert declared[1].predictivity == declared[2].predictivity
    if x1 is not None:
        assert declared[1].predictivity == pytest.approx(x1, abs=2e-4)
    assert all(f.best is f.solo is None and f.reason for f in declared)


def test_the_flags_leak_falls_from_all_to_the_sign_as_it_steepens():
    leaks = [Gate(steepness=k).declared[0].predictivity for k in (1.0, 10.0, 30.0, 100.0, 1e9)]
    assert all(a > b for a, b in itertools.pairwise(leaks[1:])) and leaks[0] == pytest.approx(1)


def test_the_saturating_flags_leak_is_the_variance_it_lets_through():
    # Oracle: SciPy's quadrature of E[u | flag]^2 for a flag that saturates at +-a.
    a = 16 / 30
    inner = integrate.quad(lambda u: u**2 * stats.norm.pdf(u), -a, a)[0]
    mean = integrate.quad(lambda u: u * stats.norm.pdf(u), a, np.inf)[0] / stats.norm.sf(a)
    expected = inner + 2 * stats.norm.sf(a) * mean**2
    assert Gate(steepness=30.0).declared[0].predictivity == pytest.approx(expected, abs=1e-9)


# ------------------------------------------------------------------------- structure and draws

VARIED = [
    (Affine(), Affine(scale=0.01, shift=10.0, noise=1.0)),
    (Sum(), Sum(term_scale=15.0, whitening=1.0)),
    (Duplicates(), Duplicates(slope2=-1.0, shift2=-1.0, slope1=2.0, probability=0.2)),
    (NoisyShortcut(), NoisyShortcut(noise=1.0, term_scale=0.1)),
    (Distractors(), Distractors(gain=3.0, distractor_scale=0.5)),
    (PaddedDistractors(), PaddedDistractors(distractors=99.0, gain=3.0)),
    (Gate(), Gate(steepness=1.0, leak=0.0)),
]


@pytest.mark.parametrize(("one", "other"), VARIED)
def test_conditions_that_differ_in_numbers_share_structure_draws_and_columns(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    draws, twins = (t.draw("stream", streams(7, "data"), 32) for t in (one, other))
    assert draws.keys() == twins.keys()
    for name, values in draws.items():
        np.testing.assert_array_equal(values, twins[name])
        assert values.dtype == np.float32
    assert [(f.name, f.columns) for f in one.declared] == [
        (f.name, f.columns) for f in other.declared
    ]


def test_every_variable_has_a_stream_of_its_own_and_all_tasks_share_the_target():
    for kind in KINDS:
        asked = []

        def rng(*names, asked=asked):
            asked.append(names)
            return streams(0, "data")(*names)

        draws = kind().draw("test", rng, 16)
        assert len(set(asked)) == len(asked) == len(draws)
        np.testing.assert_array_equal(
            draws["y"], streams(0, "data")("test", "y").standard_normal(16, dtype=np.float32)
        )


@pytest.mark.parametrize(
    ("few", "more", "name"),
    [
        (Distractors(distractors=3), Distractors(distractors=50), "distractors"),
        (PaddedDistractors(width=5, distractors=1.0), PaddedDistractors(), "distractors"),
        (Sum(terms=2), Sum(terms=6), "terms"),
    ],
)
def test_more_columns_leave_the_first_ones_alone(few, more, name):
    a, b = (t.draw("train", streams(3, "data"), 40) for t in (few, more))
    np.testing.assert_array_equal(a["y"], b["y"])
    np.testing.assert_array_equal(a[name], b[name][:, : a[name].shape[1]])


# ------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("kind", "given", "key", "message"),
    [
        (Affine, {"scale": 0.0}, "scale", "must not be 0"),
        (Affine, {"scale": 1e-50}, "scale", "must not be 0"),
        (Affine, {"shift": 1e39}, "shift", "too large for single precision"),
        (Affine, {"noise": -0.1}, "noise", "greater than or equal to 0"),
        (Sum, {"terms": 1}, "terms", "greater than or equal to 2"),
        (Sum, {"term_scale": -1.0}, "term_scale", "greater than 0"),
        (Sum, {"whitening": 1.1}, "whitening", "less than or equal to 1"),
        (Duplicates, {"probability": 1.5}, "probability", "less than or equal to 1"),
        (Duplicates, {"probability": -0.5}, "probability", "greater than or equal to 0"),
        (
            Duplicates,
            {"noise1": 0.2, "probability": 0.2},
            "probability",
            "noise1 is above 0 too: one of the two copies must be exact",
        ),
        (NoisyShortcut, {"noise": -1.0}, "noise", "greater than or equal to 0"),
        (Distractors, {"distractors": -1}, "distractors", "greater than or equal to 0"),
        (Distractors, {"gain": 0.0}, "gain", "must not be 0"),
        (PaddedDistractors, {"distractors": 2.5}, "distractors", "must be a whole number"),
        (PaddedDistractors, {"distractors": -1.0}, "distractors", "greater than or equal to 0"),
        (
            PaddedDistractors,
            {"width": 10, "distractors": 10.0},
            "distractors",
            "must be at most 9: width is 10, one of it the target's",
        ),
        (Gate, {"leak": 2.0}, "leak", "less than or equal to 1"),
        (Gate, {"steepness": -1.0}, "steepness", "greater than or equal to 0"),
    ],
)
def test_impossible_numbers_are_refused_in_files_and_in_python(kind, given, key, message):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_json(json.dumps(given))
    (detail,) = caught.value.errors()
    assert detail["loc"] == (key,) and message in detail["msg"]
    with pytest.raises(ValueError, match=f"^{key} = .*: ") as spoken:
        kind(**given)
    assert message in str(spoken.value) and "\n" not in str(spoken.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_must_be_finite(kind, value):
    for name in (f.name for f in dataclasses.fields(kind) if isinstance(f.default, float)):
        with pytest.raises(ValueError, match=f"^{name} = {value}: Input should be a finite number"):
            kind(**{name: value})


def test_every_mistake_is_listed():
    with pytest.raises(ValueError) as caught:
        Affine(scale=0.0, noise=-1.0)
    assert [line.split(" = ")[0] for line in str(caught.value).splitlines()] == ["scale", "noise"]


def test_whole_numbers_may_stand_for_numbers_in_files():
    assert TypeAdapter(Affine).validate_json('{"shift": 10}') == Affine(shift=10.0)
    assert tasks.load()["noisy_shortcut"] is NoisyShortcut
