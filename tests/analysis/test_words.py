"""The sentence behind a word; oracle: what was and was not asked of the margin."""

import numpy as np
import pytest
from simulated_studies import claim, judged

from primacy.analysis.words import why, word_of


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_an_open_word_speaks_of_the_margin_only_where_there_is_one(margin):
    """Ten pairs around .1, far apart: nothing is found, and nothing is found inside .5."""
    h, found = claim("greater", margin), judged(np.linspace(-1.0, 1.2, 10))
    assert word_of(h, found) == "inconclusive"
    said = why(h, found, "inconclusive", "")
    assert ("nor the 90 % interval inside it" in said) == (margin > 0)
