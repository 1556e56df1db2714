"""What kind of evidence each measure is; oracle: what it does, measure by measure."""

import pytest

from primacy.registry import measures
from primacy.types import EVIDENCE, evidence_of

KNOWN = {
    "accuracy": "measured",
    "total_variance": "measured",
    "variance_explained": "decoded",
    "probe_accuracy": "decoded",
    "cka": "decoded",
    "input_gradient": "attributed",
    "integrated_gradients": "attributed",
    "reliance": "intervened",
    "ablation": "intervened",
    "erasure_loss": "intervened",
    "steering_dose": "intervened",
    "shapley_value": "intervened",
    "concept_slope": "intervened",
    "description_length": "decoded",
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_card_says_what_kind_of_evidence_it_is(name):
    own = measures.load()[name]
    assert own.evidence == KNOWN[name]
    assert own.card()["evidence"] == EVIDENCE[KNOWN[name]]


def test_who_changes_nothing_is_never_called_an_intervention():
    for own in measures.load().values():
        runs = {"forward", "onward", "swapped", "swapped_rest"} & set(own.asks)
        assert (own.evidence == "intervened") <= bool(runs), own.name
    assert evidence_of(("reps", "features", "onward")) == "intervened"
    assert evidence_of(("reps",)) == "measured"
