"""primacy: which features a neural network learns first, represents, and uses.

```python
study = primacy.read("complexity")    # a built-in name or a .toml file; in Python: primacy.Study
result = primacy.run(study, seeds=10)  # trains what is missing, resumes; in runs/complexity
result.curves, result.summary, result.verdicts      # polars tables, and the judged claims
result.report()                                     # runs/complexity/report.html
```

Your own network in your own loop, in any framework:

```python
data = primacy.declare(examples, {"label": labels}, {"color": primacy.values(color, swap=recolor)})
with primacy.track(data, out="runs/mine", seed=seed, steps=2000) as tracker:
    ...                                             # your loop, and in it:
    tracker.evaluate(model, step)
```

Names are loaded on first use, so that importing the package costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from primacy.analysis.verdicts import Verdict as Verdict
    from primacy.cli.compare import compare as compare
    from primacy.cli.notebook import run as run
    from primacy.engine.progress import Progress as Progress
    from primacy.networks.consistency import alike as alike
    from primacy.networks.consistency import consistency as consistency
    from primacy.networks.declared import declare as declare
    from primacy.networks.declared import values as values
    from primacy.networks.examples import examples as examples
    from primacy.networks.tracker import Tracker as Tracker
    from primacy.networks.tracker import track as track
    from primacy.records.curves import select as select
    from primacy.records.study import Contrast as Contrast
    from primacy.records.study import Hypothesis as Hypothesis
    from primacy.registry import measure as measure
    from primacy.registry import spec as spec
    from primacy.result import Result as Result
    from primacy.result import open as open
    from primacy.study.python import Study as Study
    from primacy.study.python import read as read
    from primacy.study.spec import Condition as Condition
    from primacy.study.spec import Training as Training
    from primacy.types import Batch as Batch
    from primacy.types import Feature as Feature
    from primacy.types import Forward as Forward
    from primacy.types import Target as Target

_ROOMS = {
    "engine.progress": ("Progress",),
    "networks.examples": ("examples",),
    "records.curves": ("select",),
    "cli.compare": ("compare",),
    "cli.notebook": ("run",),
    "networks.consistency": ("alike", "consistency"),
    "networks.declared": ("declare", "values"),
    "networks.tracker": ("Tracker", "track"),
    "study.python": ("Study", "read"),
    "records.study": ("Contrast", "Hypothesis"),
    "registry": ("measure", "spec"),
    "result": ("Result", "open"),
    "study.spec": ("Condition", "Training"),
    "types": ("Batch", "Feature", "Forward", "Target"),
    "analysis.verdicts": ("Verdict",),
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"primacy has no {name!r}; it has: {', '.join(sorted(_HOMES))}")
    return getattr(importlib.import_module(f"primacy.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
