"""Whether the model of a condition can read what its task gives."""

from collections.abc import Iterator

from primacy.study.spec import Condition
from primacy.study.toml.mistakes import Mistake


def unread(condition: Condition) -> Iterator[Mistake]:
    """A model that needs images, or labels to read back, where the task has none."""
    try:
        condition.model.shapes(*condition.size)
    except ValueError as error:
        yield Mistake(("model",), str(error))
