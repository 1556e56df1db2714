"""The boolean task: what is drawn is what the demo draws, and what is declared is true."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from primacy.rng import streams
from primacy.tasks import boolean
from primacy.tasks.boolean import GATES, Boolean

GATE = {"and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b}


def drawn(task, n, seed=0, split="train"):
    return task.draw(split, streams(seed, "data"), n)


def test_linear_is_unit_0_copied_to_the_first_four():
    draws = drawn(Boolean(features=("linear",)), 500)
    for unit in range(4):
        np.testing.assert_array_equal(draws["inputs"][:, unit], draws["features"][:, 0])


@pytest.mark.parametrize("gate", GATES)
def test_every_gate_is_top_of_left_and_right(gate):
    # Oracle: the operators of Python on the four units.
    draws = drawn(Boolean(features=(gate,)), 500)
    a, b, c, d = draws["inputs"].T[:4]
    top, left, right = (GATE[name] for name in gate.split("_"))
    np.testing.assert_array_equal(draws["features"][:, 0], top(left(a, b), right(c, d)))


@pytest.mark.parametrize(
    ("text", "oracle"),
    [
        ("parity5", lambda x: x[:, :5].sum(1) % 2),
        ("z and (y xor not x)", lambda x: x[:, 0] & (x[:, 1] ^ (1 - x[:, 2]))),
        ("a or b and c xor d", lambda x: x[:, 0] | ((x[:, 1] & x[:, 2]) ^ x[:, 3])),
    ],
)
def test_parities_and_expressions_compute_what_they_say(text, oracle):
    draws = drawn(Boolean(features=(text,), units_per_feature=8), 500)
    np.testing.assert_array_equal(draws["features"][:, 0], oracle(draws["inputs"].astype(int)))


def test_blocks_follow_the_features():
    task = Boolean(features=("xor_xor_xor", "linear"), units_per_feature=5)
    draws = drawn(task, 200)
    assert draws["inputs"].shape == (200, 10) and draws["inputs"].dtype == np.uint8
    np.testing.assert_array_equal(draws["inputs"][:, 5], draws["features"][:, 1])
    assert task.input_names[0] == "xor_xor_xor unit 0" and task.input_names[9] == "linear unit 4"


def test_demo_balance_is_half_ones_for_gates_and_chance_for_linear():
    task = Boolean(features=("linear", "and_and_and"))
    counts = np.array([drawn(task, 1024, seed)["features"].sum(0) for seed in range(40)])
    assert (counts[:, 1] == 512).all()
    # Oracle: the SD of a binomial(1024, 1/2) count is 16; of 40, one is beyond 1.6 SD for sure
    # (all within: p < 1e-2) and none is beyond 5.
    off = np.abs(counts[:, 0].astype(int) - 512)
    assert 0 < off.max() < 80 and off.std() > 0


@pytest.mark.parametrize(("n", "ones"), [(1024, 512), (7, 3), (1, 0), (0, 0)])
def test_exact_balance_holds_for_every_feature_and_any_n(n, ones):
    task = Boolean(features=("linear", "or_or_or", "a and b and c"), balance="exact")
    assert drawn(task, n)["features"].sum(0).tolist() == [ones] * 3


def test_labels_stand_in_random_order():
    # Oracle: the number of runs of 512 ones and 512 zeros has mean 513 and SD 16 (Wald and
    # Wolfowitz 1940); alternating labels would give 1024, sorted ones 2.
    label = drawn(Boolean(features=("xor_xor_xor",)), 1024)["features"][:, 0]
    runs = 1 + np.count_nonzero(np.diff(label))
    assert abs(runs - 513) < 5 * 16


def test_without_balance_all_bits_are_fair_coins():
    task = Boolean(features=("and_and_and",), balance="none")
    draws = drawn(task, 50_000)
    # Oracle: 1 of 16 settings; binomial SD .0011.
    assert draws["features"].mean() == pytest.approx(1 / 16, abs=5 * 0.0011)
    np.testing.assert_allclose(draws["inputs"].mean(0), 0.5, atol=5 * 0.5 / np.sqrt(50_000))
    (target,) = task.targets
    assert target.chance == 15 / 16
    assert Boolean(features=("and_and_and",)).targets[0].chance == 0.5


def test_settings_with_the_wanted_label_are_equally_likely():
    # Oracle: redrawing until the label fits is uniform over the settings with that label, so
    # or_or_or has setting 0 in half the examples and each of the 15 others in 1/30.
    n = 60_000
    inputs = drawn(Boolean(features=("or_or_or",)), n)["inputs"][:, :4].astype(int)
    share = np.bincount(inputs @ [1, 2, 4, 8], minlength=16) / n
    assert share[0] == 0.5
    np.testing.assert_allclose(share[1:], 1 / 30, atol=5 * np.sqrt(1 / 30 / n))


def test_units_that_do_not_matter_are_independent_coins():
    n = 40_000
    draws = drawn(Boolean(features=("xor_xor_xor",)), n)
    r = np.corrcoef(draws["inputs"].T.astype(float), draws["features"].T.astype(float))
    assert np.abs(r - np.eye(17)).max() < 5 / np.sqrt(n)


def test_adding_repeating_and_moving_features_leaves_the_others_alone():
    one = drawn(Boolean(features=("xor_xor_xor",)), 300)
    more = drawn(Boolean(features=("linear", "xor_xor_xor", "xor_xor_xor")), 300)
    np.testing.assert_array_equal(one["inputs"], more["inputs"][:, 16:32])
    np.testing.assert_array_equal(one["features"][:, 0], more["features"][:, 1])
    assert (more["inputs"][:, 16:32] != more["inputs"][:, 32:]).any()


def test_features_are_named_by_their_text_and_repeats_are_counted():
    task = Boolean(features=("linear", "linear", "a or b", "linear"))
    assert [f.name for f in task.declared] == ["linear", "linear #2", "a or b", "linear #3"]
    assert [t.name for t in task.targets] == ["linear", "linear #2", "a or b", "linear #3"]


def test_columns_and_their_matched_null_columns():
    demo = Boolean().declared
    assert [f.columns for f in demo] == [(0, 1, 2, 3), (16, 17, 18, 19)]
    assert [f.null_columns for f in demo] == [(4, 5, 6, 7), (20, 21, 22, 23)]

    def places(text, units):
        (feature,) = Boolean(features=(text,), units_per_feature=units).declared
        return feature.columns, feature.null_columns

    assert places("parity6", 16) == ((0, 1, 2, 3, 4, 5), (6, 7, 8, 9, 10, 11))
    assert places("parity6", 8) == ((0, 1, 2, 3, 4, 5), (6, 7))
    assert places("xor_xor_xor", 4) == ((0, 1, 2, 3), ())
    assert places("a and b", 4) == ((0, 1), (2, 3))
    # b is named but changes nothing.
    assert places("a or (b and not b)", 16) == ((0,), (4,))


@pytest.mark.parametrize("balance", ["demo", "exact", "none"])
@pytest.mark.parametrize("text", ["linear", "and_and_and", "xor_xor_xor", "or_and_xor", "a and b"])
def test_facts_of_the_sampling_law_are_what_is_drawn(text, balance):
    # Oracle: NumPy's mean and corrcoef over 200,000 examples, SD of r at most 1/sqrt(n).
    n = 200_000
    task = Boolean(features=(text,), units_per_feature=4, balance=balance)
    (feature,) = task.declared
    draws = drawn(task, n)
    label = draws["features"][:, 0].astype(float)
    assert feature.facts["base_rate"] == pytest.approx(label.mean(), abs=5 * 0.5 / np.sqrt(n))
    r = [np.corrcoef(draws["inputs"][:, c], label)[0, 1] for c in feature.columns]
    np.testing.assert_allclose(feature.facts["bit_correlations"], r, atol=5 / np.sqrt(n))


@pytest.mark.parametrize(
    ("text", "sensitivity", "balanced", "leap", "separable"),
    [
        ("linear", 1, 1, 1, True),  # a function of one bit, however often it is copied
        ("xor_xor_xor", 4, 4, 4, False),
        # Half the examples are the one row of ones, where 4 flips count; of the 15 others 4 have 1.
        ("and_and_and", 0.5, 0.5 * 4 + 0.5 * 4 / 15, 1, True),
        ("or_or_or", 0.5, 0.5 * 4 + 0.5 * 4 / 15, 1, True),
        # 4 rows of ones, each flip counts; of 12 zeros 8 have one odd pair: 2 flips; 4 have none.
        ("and_xor_xor", 2, 0.5 * 4 + 0.5 * 8 * 2 / 12, 2, False),
        ("parity3", 3, 3, 3, False),
    ],
)
def test_facts_of_the_function_hit_known_values(text, sensitivity, balanced, leap, separable):
    # Closed forms (O'Donnell 2014, chapters 1 and 2), and counting where labels are balanced.
    (feature,) = Boolean(features=(text,)).declared
    assert feature.facts["average_sensitivity_uniform"] == sensitivity
    assert feature.complexity == feature.facts["average_sensitivity"] == pytest.approx(balanced)
    (plain,) = Boolean(features=(text,), balance="none").declared
    assert plain.complexity == plain.facts["average_sensitivity_uniform"] == sensitivity
    assert feature.facts["leap"] == leap
    assert feature.facts["linearly_separable"] is separable
    json.dumps(feature.facts, allow_nan=False)


def test_average_sensitivity_of_gates_follows_from_their_parts():
    # Oracle: by hand for independent halves. An operator's influence on a bit is the chance that
    # the other side lets it through: 1/2 for and / or of one coin, 1 for xor.
    for top, left, right in itertools.product(("and", "or", "xor"), repeat=3):
        rate = {"and": 0.25, "or": 0.75, "xor": 0.5}
        inner = {"and": 0.5, "or": 0.5, "xor": 1.0}
        through = {"and": lambda p: p, "or": lambda p: 1 - p, "xor": lambda p: 1.0}[top]
        expected = 2 * inner[left] * through(rate[right]) + 2 * inner[right] * through(rate[left])
        (feature,) = Boolean(features=(f"{top}_{left}_{right}",)).declared
        found = feature.facts["average_sensitivity_uniform"]
        assert found == pytest.approx(expected), feature.name


@pytest.mark.parametrize("balance", ["exact", "none"])
def test_complexity_is_what_drawn_examples_show(balance):
    """Oracle: 20,000 drawn examples, each of their units flipped in turn. SD at most 2 / 141."""
    task = Boolean(features=("and_and_and", "or_and_xor"), balance=balance, units_per_feature=4)
    draws = task.draw("test", streams(0, "data"), 20_000)
    for i, feature in enumerate(task.declared):
        table, own = boolean.function(feature.name).table, draws["inputs"][:, list(feature.columns)]
        row = own.astype(int) @ (1 << np.arange(4))
        assert (table[row] == draws["features"][:, i]).all()
        changed = sum((table[row] != table[row ^ (1 << j)]).mean() for j in range(4))
        assert feature.complexity == pytest.approx(changed, abs=4 * 2 / 141)


READ = TypeAdapter(Boolean)


def mistakes(given):
    with pytest.raises(ValidationError) as caught:
        READ.validate_json(json.dumps(given))
    return {
        ".".join(map(str, e["loc"])): str(e.get("ctx", {}).get("error", e["msg"]))
        for e in caught.value.errors()
    }


def test_every_mistake_of_a_file_is_reported_at_its_place():
    given = {"features": ["linear", "xor_xor_xorr"], "units_per_feature": 2, "balanse": "exact"}
    assert mistakes(given) == {
        "units_per_feature": "expected at least 4: linear and gates take units 0 to 3",
        "features.1": 'not a feature. Did you mean "xor_xor_xor"?',
        "balanse": "Unexpected keyword argument",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("xor_xor_xor: a xor b", "A term that shares the bits of another feature is measured, not"),
        ("linear ", 'not a feature: blanks at its ends. Did you mean "linear"?'),
        ("Linear", 'not a feature. Did you mean "linear"?'),
        ("xor_xor", "2 operations, but a gate is top_left_right"),
        ("xor", "1 operation, but a gate is top_left_right"),
        ("xor", "To combine two bits write 'a xor b'"),
        ("xor_xor_xor_xor", "4 operations, but a gate is top_left_right"),
        ("nand_and_and", 'Did you mean "and_and_and"?'),
        ("zzzz", "not a feature. Expected linear, top_left_right (xor_xor_xor), parityK, or an"),
        ("", "not a feature. Expected linear"),
        ("parity17", "17 bits; parity is of 1 to 16"),
        ("parity0", "0 bits; parity is of 1 to 16"),
        ("a and not a", "always 0, says its truth table; a feature must take both values"),
        ("not a or a", "always 1, says its truth table"),
        ("a and", 'ends after "and": expected a bit, not or ('),
        ("xor xor xor", 'Did you mean "xor_xor_xor"?'),
        ("parity9", "takes 9 units, but units_per_feature is 8"),
        ("a" * 201, "201 characters; at most 200 are possible"),
        ("</script><img src=x onerror=alert(1)>", '"<" at character 1'),
    ],
)
def test_what_is_no_feature_is_refused_and_says_why(text, says):
    assert says in mistakes({"features": [text], "units_per_feature": 8})["features.0"]
    with pytest.raises(ValueError) as caught:
        Boolean(features=(text,), units_per_feature=8)
    assert str(caught.value).startswith(f'features[0] = "{text}": ') and says in str(caught.value)


def test_other_wrong_values():
    assert "at least one feature" in mistakes({"features": []})["features"]
    assert "'demo', 'exact' or 'none'" in mistakes({"balance": "even"})["balance"]
    assert "units_per_feature" in mistakes({"units_per_feature": "16"})
    assert "features" in mistakes({"features": "linear"})
    assert "features.0" in mistakes({"features": [1]})


def test_python_users_see_all_mistakes_too():
    with pytest.raises(ValueError) as caught:
        Boolean(features=("linear", "xor_xor_xorr", "linear "), units_per_feature=2)
    assert len(str(caught.value).splitlines()) == 3


def test_file_and_python_give_the_same_spec():
    assert READ.validate_json('{"features": ["linear", "a or b"]}') == Boolean(
        features=("linear", "a or b")
    )
    assert dataclasses.replace(Boolean(), balance="none") == Boolean(balance="none")


def test_linear_may_stand_in_fewer_units():
    task = Boolean(features=("linear1", "linear2", "linear"))
    assert [f.columns for f in task.declared] == [(0,), (16, 17), (32, 33, 34, 35)]
    draws = drawn(task, 400)
    units, labels = draws["inputs"], draws["features"]
    for feature in task.declared:
        for column in feature.columns:
            np.testing.assert_array_equal(units[:, column], labels[:, feature.target])
    assert {f.complexity for f in task.declared} == {1.0}
    # The units that it leaves free are as random as any: agreement with the label is a coin toss.
    free = (units[:, 1] == labels[:, 0]).mean()
    assert 0.4 < free < 0.6  # four standard errors of a fair coin over 400
    # As in the demo, a linear label is a fair coin and not balanced exactly.
    assert (labels.sum(axis=0) != 200).any()
