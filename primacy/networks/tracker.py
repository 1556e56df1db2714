"""One run of a user's own training, measured while it goes on."""

import contextlib
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from primacy.errors import Problem, StudyError, counted, shown
from primacy.networks import asking, crashed, messages
from primacy.networks.choices import chosen, read_hypotheses
from primacy.networks.declared import Declared
from primacy.networks.frameworks import layers as layer_names
from primacy.networks.frameworks.adapters import adapted, is_first_process
from primacy.networks.frameworks.network import LayerError, NetworkRefused, one_line
from primacy.networks.overseen import overseen
from primacy.networks.planned import planned_steps
from primacy.networks.recording import Run, commit, conflicts, unlike
from primacy.records.store import Store, StoreError
from primacy.records.study import Hypothesis, Level
from primacy.registry import RAISED, measures
from primacy.result import Result
from primacy.training.evaluate import DIVERGED

EVALUATIONS = 40

SHARE_TO_MENTION = 0.2
"""Share of the time from which on the cure for dear evaluations is printed with it."""

MEETING_ROWS = 16
"""Examples on which layers are found."""

CALLED = "track"
"""What errors call a run that is in no file."""


class Tracker:
    """A run that is being trained: evaluates the network when that is due; made by `track`."""

    def __init__(
        self,
        data: Declared,
        *,
        out: str | Path,
        seed: int,
        steps: int | None = None,
        condition: str = "own",
        settings: Mapping[str, Level] | None = None,
        evaluations: int | Sequence[int] = EVALUATIONS,
        spacing: Literal["log", "linear"] = "log",
        layers: Sequence[str] | Mapping[str, Any] | str | None = None,
        forward: Callable[[Any, Any], Any] | None = None,
        outputs: Callable[[Any], Any] | None = None,
        measures: Sequence[str] = (),
        hypotheses: Sequence[Hypothesis | Mapping[str, Any]] | str | Path = (),
        question: str = "",
        theta: float = 0.9,
        confirm: int = 3,
        quiet: bool = False,
    ) -> None:
        self.store, self.seed, self.condition = Store(Path(out)), seed, condition
        self.settings = dict(settings or {})
        self.theta, self.confirm, self.question, self.quiet = theta, confirm, question, quiet
        self._declared, self._how = data, {"layers": layers, "forward": forward, "outputs": outputs}
        layer_names.asked(layers)
        self.planned = planned_steps(steps, evaluations, spacing, confirm)
        self._wanted = tuple(measures)
        self.hypotheses = read_hypotheses(hypotheses, self._wanted, tuple(self.settings))
        _check(self)
        self.network: Any = None
        self.run: Run | None = None
        self.steps: list[int] = []
        """After which the network was evaluated so far."""
        self.seconds = 0.0
        """Spent in evaluations."""
        self.ended = ""
        """How it ended (`manifest.ENDS`; `learned`: stopped early); empty: it goes on."""
        self.refused: str | None = None
        """Why nothing more is measured, where that is so."""
        self._printed = 0
        self._told: set[str] = set()
        """What is said once, and was."""
        self._called = 0
        """The step of the last call of `evaluate`, due or not."""
        self._seen: list[dict[str, np.ndarray]] = []
        self._began, self._done = time.perf_counter(), False
        self.already = crashed.whole(self.store, condition, seed)
        """Whether the folder has this run: nothing is evaluated again."""
        self._bystander = not is_first_process()
        if self._bystander:
            self.quiet = True
        if self.already:
            self.tell(messages.already(condition, seed, self.store.folder))
        elif crashed.cut_short(self.store, condition, seed):
            self.tell(f"{condition}, seed {seed} crashed before; this run takes its place")

    # In the loop

    def due(self, step: int) -> bool:
        """Whether an evaluation is due after so many steps."""
        if self.ended or self.already or self.refused or self._done or self._bystander:
            return False
        left = self._left()
        return bool(left) and step >= left[0]

    def evaluate(self, model: Any, step: int) -> bool:
        """Evaluate the network after `step` steps of training, if that is due.

        Costs nothing between evaluations, and in processes of another rank than 0. The network is
        left as it was, also when it fails: then one line says why, and the training goes on
        unmeasured.

        Args:
            model: the module.
            step: number of training steps that are done; 0 before the first.

        Raises:
            LayerError: a layer that was asked for is not there.
            StoreError: at the first evaluation: the run folder holds runs that this does not fit.
        """
        self._called = max(self._called, step)
        if self.already and "network" not in self._told:
            self._compare(model)
        if not self.due(step):
            return False
        began = time.perf_counter()
        try:
            with overseen(f"the evaluation after step {step}", self.tell) as printed:
                if self.network is None:
                    self._meet(model)
                else:
                    self.network.renew(model)
                self._note_missed(step)
                self._take(step)
            self._printed += printed()
        except (LayerError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001 - a user's network may raise anything
            told = str(error) if isinstance(error, NetworkRefused) else one_line(error)
            self.refused = f"not evaluated after step {step}: {told}"
            self.tell(f"{self.refused} (the training goes on unmeasured)")
            return False
        finally:
            self.seconds += time.perf_counter() - began
        return True

    def _left(self) -> tuple[int, ...]:
        last = self.steps[-1] if self.steps else -1
        return tuple(step for step in self.planned if step > last)

    def _note_missed(self, step: int) -> None:
        missed = [due for due in self._left() if due < step]
        if missed and "missed" not in self._told:
            self._told.add("missed")
            self.tell(messages.missed(missed, step))

    def _note_probabilities(self) -> None:
        """Say once that outputs are probabilities, if they were at the last evaluation."""
        if "probabilities" in self._told or not self._seen[-1]["as_probabilities"]:
            return
        self._told.add("probabilities")
        run = self.run
        assert run is not None
        classes = all(target.width > 1 for target in run.declared.targets)
        torch = getattr(self.network, "framework", "") == "torch"
        self.tell(messages.logits(classes, torch))

    def _compare(self, model: Any) -> None:
        """Say once whether the run that the folder has is of another network or of other data."""
        self._told.add("network")
        if self._bystander:
            return
        with contextlib.suppress(*RAISED):  # this run is over: no network is asked or refused
            structure = adapted(model, **self._how).structure()
            old = self.store.record().condition(self.condition)
            if wrong := unlike(old, self._declared, structure):
                self.tell(messages.another(self.store.folder, wrong))

    def _take(self, step: int) -> None:
        run = self.run
        assert run is not None
        found = asking.ask(self.network, run.declared, self._about, self.seed, len(self.steps))
        self._seen.append(found)
        self.steps.append(step)
        at_end = step >= self.planned[-1]
        if not found["finite"] or (at_end and found["loss_ratio"] > DIVERGED):
            self.ended = "diverged"
        elif at_end:
            self.ended = "budget"
        if step > 0 and 2 * len(self.steps) >= len(self.planned):
            self._note_probabilities()

    def _meet(self, model: Any) -> None:
        """What the network is, which layers it has and what is measured."""
        network = adapted(model, **self._how)
        few = self._declared.rows(self._declared.test[:MEETING_ROWS])
        with network.evaluating():
            network.meet(few)
            with asking.on_host():
                outputs = network.answers(few, False)[0].shape[1]
        declared = asking.resolved(self._declared, outputs)
        wanted = chosen(declared, self._wanted, self.hypotheses)
        self._about = asking.question(declared, network, wanted, outputs, self._wanted)
        run = Run(
            condition=self.condition,
            settings=self.settings,
            seed=self.seed,
            planned=self.planned,
            theta=self.theta,
            confirm=self.confirm,
            hypotheses=self.hypotheses,
            question=self.question,
            declared=declared,
            measures=self._about.measures,
            network=network,
        )
        if self.store.begun() and (wrong := conflicts(self.store.record(), run, ())):
            raise StoreError(messages.other_runs(self.store.folder, wrong))
        structure = network.structure()
        self.tell(layer_names.lines(network.layers, structure["modules"], network.count()))
        self.network, self.run = network, run

    # At the end

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> None:
        if kind is None:
            self.finish()
        else:
            self.keep_crashed()

    def keep_crashed(self) -> None:
        """Keep what was measured before the training raised; says why where that cannot be."""
        try:
            if self.steps:
                self.finish(crashed=True)
        except (StoreError, OSError) as error:  # the user's own error is the one to be seen
            self.tell(f"not kept: {one_line(error)}")

    def finish(self, crashed: bool = False) -> Result | None:
        """Commit the run to its folder; one that ended early is kept as far as it came.

        None: nothing was measured.

        Args:
            crashed: the training raised. The run is marked so, stays in the number of networks and
                enters no estimate; the same run again takes its place.

        Raises:
            StoreError: the folder cannot be written to.
        """
        if self._done or self.already:
            return Result(self.store.folder) if self.already or self.steps else None
        self._done = True
        if self.run is None or not self.steps:
            if self.refused is None:
                self.tell("evaluate was never called: nothing is kept")
            return None
        whole = time.perf_counter() - self._began
        facts = {"command": shlex.join(["python", *sys.argv]), "seconds": {"total": whole}}
        if self.steps[-1] > 0:
            self._note_probabilities()
        if not (self.ended or crashed or self.refused):
            self.tell(messages.stopped(self._called, self.planned[-1], self.steps[-1]))
        # Without an error it was stopped by a rule of the user's before the planned end.
        ended = self.ended or ("crashed" if crashed else "learned")
        asked = self.store.folder
        self.store, wrong = commit(asked, self.run, self._seen, self.steps, ended, facts)
        if wrong and self.store.folder == asked:
            self.tell(f"not kept: {wrong[0]}")
        elif wrong:
            self.tell(f"{messages.other_runs(asked, wrong)}\nKept in {self.store.folder} instead.")
        if self._printed:
            self.tell(f"the network printed {self._printed:,} characters while it was measured")
        self._tell_share(whole)
        return Result(self.store.folder)

    def _tell_share(self, whole: float) -> None:
        share = self.seconds / max(whole, 1e-9)
        text = (
            f"{self.condition}, seed {self.seed}: {counted(len(self.steps), 'evaluation')} took "
            f"{self.seconds:.1f} s, {share:.0%} of the time; kept in {self.store.folder}"
        )
        if share > SHARE_TO_MENTION:
            text += ". Fewer: evaluations=20, measures=[...], or declare(fit=128, test=128)"
        self.tell(text)

    def tell(self, text: str) -> None:
        """Print a message on stderr, unless `quiet`."""
        if not self.quiet:
            lines = text.split("\n")
            print("\n".join(f"primacy: {shown(line)}" for line in lines), file=sys.stderr)


def track(data: Declared, **how: Any) -> Tracker:
    """Measure one run of your own training, in any framework.

    ```python
    with primacy.track(data, out="runs/shapes", seed=seed, steps=2000) as tracker:
        for step, (x, y) in enumerate(loader):
            tracker.evaluate(model, step)        # does nothing between evaluations
            ...                                  # your own training step
        tracker.evaluate(model, 2000)
    ```

    The run lands in an ordinary run folder, as the run of a condition and a seed: call this for
    every seed (also from several processes at once) and every condition with the same `out`.

    Args:
        data: from `primacy.declare`.
        **how:
            out: the run folder.
            seed: number of the run; one network per seed. From six on, claims are judged.
            steps: training steps of the whole run (0 to `steps` are evaluated).
            condition: what is studied, where several are compared.
            settings: what sets this condition apart, such as `{"lr": 1e-3}`; hypotheses name them.
            evaluations: about how many (40), or the very steps.
            spacing: "log" (dense at the beginning) or "linear".
            layers: names or patterns, such as `["blocks.*.mlp", "head.input"]`; a mapping also
                says how a layer becomes a row per example (flat, mean, last, first). None: at most
                eight are found.
            forward: `forward(model, inputs)` where `model(inputs)` is not how it is called.
            outputs: which part of the result are the outputs: `lambda r: r["scores"]`. Outputs of
                classes are logits. If they look like probabilities (`as_probabilities`) at an
                evaluation in the second half of those planned, or at the last one, a line says so:
                earlier ones of a network that has hardly been trained are no evidence.
            measures: their names; empty: the default ones.
            hypotheses: claims as mappings (the keys of `[[hypothesis]]` in a study file), or the
                path of a TOML file with such tables.
            question: for the page.
            theta: share of the way from chance to the ceiling at which a feature is learned.
            confirm: evaluations in a row for which it must be there.
            quiet: print nothing.

    Raises:
        StudyError: lists all that is wrong with the arguments.
    """
    return Tracker(data, **how)


def _check(tracker: Tracker) -> None:
    """Refuse arguments that cannot be meant.

    Raises:
        StudyError: lists all that is wrong.
    """
    wrong = []
    if not tracker.planned or tracker.planned[0] < 0 or tracker.planned[-1] < 1:
        wrong.append(("steps", "the number of training steps of the run, 1 or more, is needed"))
    if not isinstance(tracker.seed, int) or not 0 <= tracker.seed < 2**63:
        wrong.append(("seed", f"{tracker.seed!r}: a whole number from 0 up"))
    if not 0 < tracker.theta <= 1:
        wrong.append(("theta", f"{tracker.theta!r}: a share above 0, at most 1"))
    if tracker.confirm < 1:
        wrong.append(("confirm", f"{tracker.confirm!r}: 1 or more"))
    if not tracker.condition.strip():
        wrong.append(("condition", "a name is needed"))
    offered = measures.load()
    for name in tracker._wanted:
        try:
            offered[name]
        except ValueError as error:
            wrong.append(("measures", str(error)))
    if wrong:
        raise StudyError(
            Problem(file=CALLED, line=None, key=key, message=text) for key, text in wrong
        )
