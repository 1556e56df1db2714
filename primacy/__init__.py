"""primacy: which features a neural network learns first, represents, and uses.

```python
study = primacy.read("complexity")    # a built-in name or a .toml file; in Python: primacy.Study
result = primacy.run(study, seeds=10)  # trains what is missing, resumes; in runs/complexity
result.curves, result.summary, result.verdicts      # polars tables, and the judged claims
result.report()                                     # runs/complexity/report.html
```

Names are loaded on first use, so that importing the package costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from primacy.blocks import Progress as Progress
    from primacy.curves import select as select
    from primacy.notebook import run as run
    from primacy.pythonstudy import Study as Study
    from primacy.pythonstudy import read as read
    from primacy.record import Contrast as Contrast
    from primacy.record import Hypothesis as Hypothesis
    from primacy.registry import measure as measure
    from primacy.registry import spec as spec
    from primacy.result import Result as Result
    from primacy.result import open as open
    from primacy.study import Condition as Condition
    from primacy.study import Training as Training
    from primacy.types import Batch as Batch
    from primacy.types import Feature as Feature
    from primacy.types import Forward as Forward
    from primacy.types import Target as Target
    from primacy.verdicts import Verdict as Verdict

_ROOMS = {
    "blocks": ("Progress",),
    "curves": ("select",),
    "notebook": ("run",),
    "pythonstudy": ("Study", "read"),
    "record": ("Contrast", "Hypothesis"),
    "registry": ("measure", "spec"),
    "result": ("Result", "open"),
    "study": ("Condition", "Training"),
    "types": ("Batch", "Feature", "Forward", "Target"),
    "verdicts": ("Verdict",),
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"primacy has no {name!r}; it has: {', '.join(sorted(_HOMES))}")
    return getattr(importlib.import_module(f"primacy.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
