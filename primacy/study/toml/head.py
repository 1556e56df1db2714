"""The keys at the top of a study file."""

import dataclasses
import re
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from primacy.records.study import Controls
from primacy.study.spec import SEED_AXES, SeedAxis
from primacy.study.toml.hypotheses import Name

MOST_SEEDS = 1_000_000


def _folder_name(text: str) -> str:
    # The run folder is called after the study, on any system.
    device = r"(?i:con|prn|aux|nul|com\d|lpt\d)(\..*)?"
    if not re.fullmatch(r"\w([\w. -]*[\w-])?", text) or re.fullmatch(device, text):
        raise ValueError("the run folder is named after it: use letters, digits, - and _")
    return text


@dataclasses.dataclass(frozen=True, kw_only=True)
class Head:
    """The keys at the top of a study file."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    name: Annotated[Name, AfterValidator(_folder_name)]
    """What the study is called; the run folder too. Left out: what the file is called."""
    question: str = ""
    """What it is to answer, in a sentence."""
    seeds: Annotated[int, Field(ge=1, le=MOST_SEEDS)] = 30
    """How many networks are trained in every condition."""
    seed_offset: Annotated[int, Field(ge=0, le=MOST_SEEDS)] = 0
    """The first seed. With 1000, a replication trains networks that the first run did not have."""
    seed_axes: Annotated[tuple[SeedAxis, ...], Field(min_length=1)] = SEED_AXES
    """What differs between seeds."""
    measures: tuple[Name, ...] = ()
    """What is measured; left out: all."""
    controls: Controls = "default"
    """Negative-control networks: about 20 % extra work, at most 6 of a kind (default), one per
    network (full), or none."""
    exact_solo: bool = False
    """Train every network in a program of its own: slower, and bit for bit as if alone."""
    include: Annotated[tuple[Name, ...], Field(min_length=1)] = ()
    """Studies that are run as one with this: built-in names, or .toml files beside this one. What
    is left out here of seeds, seed_offset, seed_axes, controls and exact_solo is as in these, which
    must then agree; what stands here holds for all of them."""


HEAD = tuple(field.name for field in dataclasses.fields(Head))
