"""Randomness by purpose: every use of chance has a generator of its own.

So nothing that is added later (a feature, a measure, more seeds, another chunking) moves a draw
that was there before. Reads no other file of the package and needs only NumPy.
"""

import hashlib
import json
from collections.abc import Callable

import numpy as np


def streams(seed: int, purpose: str) -> Callable[..., np.random.Generator]:
    """Generators of one seed and purpose, by name (`types.Streams`).

    `streams(3, "data")("train", "linear")` starts at the same place in every process and on every
    machine: SHA-256 of (seed, purpose, *names) seeds a PCG64. Every call starts anew, so ask once
    and keep the generator. Names are texts or whole numbers (an evaluation's); 1 and "1" differ.

    Args:
        seed: whole number of any size.
        purpose: what the randomness is for: `init`, `data`, `order`, `evaluation`.
    """

    def rng(*names: str | int) -> np.random.Generator:
        # JSON keeps the parts apart: ("a", "b c") and ("a b", "c") are different texts.
        key = hashlib.sha256(json.dumps([seed, purpose, *names]).encode()).digest()
        words = np.frombuffer(key, dtype="<u4")
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))

    return rng
