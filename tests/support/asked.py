"""Measures that want answers, as functions of the network that gives them."""

import inspect

from primacy.measures.gradients import slopes_of
from primacy.training.evaluate import swapped

ORDER = ("forward", "inputs", "outputs", "targets", "columns", "donors", "loss")
"""What is given of the network and the examples, in this order."""

FROM = {
    "swapped": ("forward", "inputs", "columns", "donors"),
    "swapped_rest": ("forward", "inputs", "columns", "donors"),
    "slopes": ("forward", "inputs"),
}
"""What each answer is asked for with."""


def of_network(measure):
    """The measure as a function of a network, its examples and the sites, in `ORDER`."""
    asks = [a for a in inspect.signature(measure).parameters if a not in ("heads", "codes")]
    needs = {name for ask in asks for name in FROM.get(ask, (ask,))}
    order = [name for name in ORDER if name in needs]
    assert needs == set(order)

    def value(*given):
        known = dict(zip(order, given, strict=True))
        return measure(**{ask: answer(ask, known) for ask in asks})

    return value


def answer(ask, known):
    """What a measure asks for, from what is known."""
    if ask in known:
        return known[ask]
    given = [known[name] for name in FROM[ask]]
    return slopes_of(*given) if ask == "slopes" else swapped(*given, rest=ask == "swapped_rest")
