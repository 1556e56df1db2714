"""The tracker as a callback of Lightning; imports Lightning."""

import math
from typing import Any

from lightning.pytorch import Callback

from primacy.networks.declared import Declared
from primacy.networks.tracker import Tracker


class LightningTracker(Callback):
    """Measures the LightningModule before the first and after later optimizer steps.

    ```python
    tracker = LightningTracker(data, out="runs/shapes", seed=seed)
    Trainer(max_steps=2000, callbacks=[tracker]).fit(module, loader)
    ```

    Takes what `primacy.track` takes; `steps` is the trainer's own unless given. Of several
    processes the one of rank 0 measures. `tracker` is the `Tracker` once training has begun.
    """

    def __init__(self, data: Declared, **how: Any) -> None:
        self.data, self.how = data, how
        self.tracker: Tracker | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Evaluate the network as it is before training."""
        if not trainer.is_global_zero:
            return
        steps = trainer.estimated_stepping_batches  # infinite where the trainer has no end
        own = {"steps": int(steps)} if math.isfinite(steps) else {}
        self.tracker = Tracker(self.data, **{**own, **self.how})
        self.tracker.evaluate(pl_module, trainer.global_step)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        """Evaluate where a batch was a step; with accumulated gradients it may not be."""
        if self.tracker is not None:
            self.tracker.evaluate(pl_module, trainer.global_step)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Commit the run."""
        if self.tracker is not None:
            self.tracker.finish()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Keep what was measured before the training raised, marked as crashed."""
        if self.tracker is not None:
            self.tracker.keep_crashed()
