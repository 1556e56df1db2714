"""The tracker as a callback of the Hugging Face Trainer; imports transformers."""

from typing import Any

from transformers import TrainerCallback

from primacy.networks.declared import Declared
from primacy.networks.tracker import Tracker


class TransformersTracker(TrainerCallback):
    """Measures the model before the first and after later optimizer steps.

    ```python
    tracker = TransformersTracker(data, out="runs/reviews")
    Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[tracker]).train()
    ```

    Takes what `primacy.track` takes; `steps` and `seed` are the trainer's own unless given. Of
    several processes the one of rank 0 measures.
    """

    def __init__(self, data: Declared, **how: Any) -> None:
        self.data, self.how = data, how
        self.tracker: Tracker | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Evaluate the network as it is before training."""
        if state.is_world_process_zero:
            own = {"seed": args.seed, "steps": state.max_steps}
            self.tracker = Tracker(self.data, **{**own, **self.how})
            self.tracker.evaluate(given["model"], state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Evaluate after a step of the optimizer."""
        if self.tracker is not None:
            self.tracker.evaluate(given["model"], state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Commit the run."""
        if self.tracker is not None:
            self.tracker.finish()
