"""Deep linear networks learn mode by mode, at times that a differential equation gives.

With whitened inputs, loss 1/2 E|error|^2 summed over outputs and L matrices that begin aligned and
balanced, the strength a of a mode of singular value s follows da/dt = L a^(2 - 2/L) (s - a). For
two matrices a(t) = s e^(2st) / (e^(2st) - 1 + s/a0). Our squared error is the mean over the T
targets, so it is 2/T of that loss: one step of SGD on the whole set is 2/T times the learning rate
of time. A linear network's slope along an input is its weight, so the measure
`input_gradient_signed` of mode i on target i is the mode's strength.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float

from primacy.calibration import Check, Curve, case
from primacy.engine.hardware import workers
from primacy.models.deep_linear import DeepLinear
from primacy.study.describe import describe, measured
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.modes import LinearModes
from primacy.training.block import Watch, train_block
from primacy.training.lane import Lane
from primacy.training.programs import Programs

SINGULAR_VALUES = (4.0, 2.0, 1.0, 0.5)
START = 1e-3
"""Strength of every mode at the start. One matrix starts at 0: nothing holds it there."""
EXAMPLES = 4
STRENGTH = "input_gradient_signed"


class Course(NamedTuple):
    """How a network of so many matrices is trained, and what is known of its half-times."""

    step: float
    """Time that a step stands for; SGD's rate of growth lags behind the flow's by half of a step's
    growth, at most so many times s."""
    steps: int
    half_times: tuple[float, ...]
    """When each mode is at half of its singular value."""


COURSES = {
    1: Course(0.001, 1_200, (float(np.log(2)),) * 4),
    2: Course(0.0005, 14_000, (1.0367, 1.9001, 3.4534, 6.2126)),
    3: Course(0.001, 19_500, (2.3658, 4.6613, 9.1447, 17.838)),
    4: Course(0.001, 32_500, (3.9186, 7.8075, 15.529, 30.806)),
}
"""By number of matrices. The half-times are the integral of the equation above, to four digits."""

RANDOM_SCALES = {1e-2: 0.1, 1e-4: 0.05, 1e-6: 0.035}
"""Sizes of a random start, and how far its half-times may be from the aligned ones, on average:
half as far again as ten seeds are. The theory has them vanish as 1 over the start's logarithm."""
SEEDS = 10
HIDDEN = 16
"""Units between the two matrices that start at random: enough that modes do not share them."""


def strength(
    times: Float[np.ndarray, " e"], s: float, start: float, matrices: int
) -> Float[np.ndarray, " e"]:
    """a(t) of one or two matrices.

    Reference:
        Saxe, McClelland, Ganguli 2013, arXiv 1312.6120, equation 9 (there u and N tau = 1).
    """
    if matrices == 1:
        return s + (start - s) * np.exp(-times)
    # The formula divided by e^(2st), which overflows late in training.
    return s / (1 + (s / start - 1) * np.exp(-2 * s * times))


def condition(
    matrices: int, initialization: str, scale: float, course: Course, looks: int, width: int = 4
) -> Condition:
    """Training that follows the flow of so many matrices, hidden layers of so many units."""
    outputs = len(SINGULAR_VALUES)
    return Condition(
        task=LinearModes(singular_values=SINGULAR_VALUES),  # type: ignore[arg-type]
        model=DeepLinear(
            widths=(width,) * (matrices - 1),
            initialization=initialization,  # type: ignore[arg-type]
            scale=scale,
        ),
        training=Training(
            optimizer="sgd",
            learning_rate=course.step * outputs / 2,
            batch_size=EXAMPLES,
            examples=EXAMPLES,
            steps=course.steps,
            evaluations=looks,
            fit_examples=EXAMPLES,
            test_examples=EXAMPLES,
        ),
    )


def strengths(
    conditions: Mapping[str, Condition], seeds: int
) -> dict[str, tuple[Float[np.ndarray, " e"], Float[np.ndarray, "s e k"]]]:
    """Times, and the strength of every mode of every network, by condition; all in one block."""
    study = Study(
        name="saxe",
        conditions=dict(conditions),
        measures=(STRENGTH,),
        seeds=seeds,
        controls="none",
    )
    record = describe(study)
    lanes = [
        Lane(spec, record.condition(name), seed)
        for name, spec in conditions.items()
        for seed in range(seeds)
    ]
    # A run pads its blocks to a width that fills a core, which is 256 networks as small as these;
    # here the block is as wide as what is asked for, and the same programs train it.
    device = workers()[0]
    programs = Programs(lanes[0].condition, measured(study), len(lanes), device)
    watch = Watch(advanced=lambda steps: None, stopped=lambda: False)
    table = train_block(programs, lanes, study.seed_axes, watch).curves
    modes = [f.name for f in lanes[0].condition.task.declared]
    own = {f"y{i + 1}": mode for i, mode in enumerate(modes)}
    table = table.filter(
        (pl.col("measure") == STRENGTH)
        & (pl.col("target").replace_strict(own, default=None) == pl.col("feature"))
    )
    found = {}
    for name, spec in conditions.items():
        rows = table.filter(pl.col("condition") == spec.key).sort("seed", "step", "feature")
        steps = np.array(spec.evaluations, float)
        values = rows["value"].to_numpy().astype(float).reshape(seeds, len(steps), len(modes))
        time = spec.training.learning_rate * 2 / len(modes)
        found[name] = steps * time, values
    return found


def half_time(
    times: Float[np.ndarray, " e"], values: Float[np.ndarray, " e"], s: float
) -> float | None:
    """When a strength first is half of s, on the line between evaluations; null: never."""
    reached = np.flatnonzero(values >= s / 2)
    if not reached.size or not reached[0]:
        return None
    pair = slice(reached[0] - 1, reached[0] + 1)
    return float(np.interp(s / 2, values[pair], times[pair]))


@case(
    "saxe",
    title="Deep linear networks learn strong modes first",
    reference="Saxe, McClelland, Ganguli 2013, arXiv 1312.6120; half-times of "
    "da/dt = L a^(2 - 2/L) (s - a)",
)
def saxe() -> list[Check | Curve]:
    """Half-times of four modes for one to four matrices; the courses of one and two."""
    found: list[Check | Curve] = []
    for matrices, course in COURSES.items():
        start = 0.0 if matrices == 1 else START
        spec = condition(matrices, "aligned", start, course, looks=401)
        times, values = strengths({"aligned": spec}, seeds=1)["aligned"]
        named = "1 matrix" if matrices == 1 else f"{matrices} matrices"
        for i, s in enumerate(SINGULAR_VALUES):
            found.append(
                Check(
                    quantity=f"{named}: half-time of the mode of strength {s:g}",
                    expected=course.half_times[i],
                    measured=half_time(times, values[0, :, i], s),
                    tolerance=0.005,
                    relative=True,
                    measures=(STRENGTH,),
                )
            )
            if matrices <= 2:
                found.append(
                    Curve(
                        chart=f"Deep linear network, {named}",
                        label=f"s = {s:g}",
                        x=tuple(times.tolist()),
                        measured=tuple(values[0, :, i].tolist()),
                        formula=tuple(strength(times, s, start, matrices).tolist()),
                        x_label="time (steps x learning rate x 2 / targets)",
                        y_label="strength of the mode",
                    )
                )
    return found


def random_starts(
    scales: tuple[float, ...] = tuple(RANDOM_SCALES), seeds: int = SEEDS
) -> dict[float, float]:
    """How far half-times from random starts are from those of aligned ones, by scale.

    Mean over seeds and modes of |t / t_aligned - 1| for two matrices. The aligned times are those
    of the formula, ln(s / a0 - 1) / 2s.
    """
    # The smallest start takes longest; an unlucky one much longer than an aligned one.
    slowest = min(SINGULAR_VALUES)
    longest = 2.5 * np.log(slowest / min(scales)) / (2 * slowest)
    course = Course(0.004, int(longest / 0.004), ())
    specs = {f"{scale:g}": condition(2, "normal", scale, course, 401, HIDDEN) for scale in scales}
    found = {}
    for scale, (times, values) in zip(scales, strengths(specs, seeds).values(), strict=True):
        gaps = []
        for i, s in enumerate(SINGULAR_VALUES):
            aligned = np.log(s / scale - 1) / (2 * s)
            each = [half_time(times, values[seed, :, i], s) for seed in range(seeds)]
            gaps += [np.nan if t is None else abs(t / aligned - 1) for t in each]
        found[scale] = float(np.mean(gaps))
    return found


@case(
    "saxe random start",
    title="Random starts of deep linear networks tend to the aligned times as they shrink",
    reference="Saxe, McClelland, Ganguli 2013, arXiv 1312.6120",
    full=True,
)
def saxe_random_start() -> list[Check]:
    """Mean distance of half-times from the aligned ones, two matrices, for three sizes of start."""
    return [
        Check(
            quantity=f"random start of size {scale:g}: mean |t / aligned t - 1|, {SEEDS} seeds",
            expected=0.0,
            measured=gap,
            tolerance=RANDOM_SCALES[scale],
            measures=(STRENGTH,),
        )
        for scale, gap in random_starts().items()
    ]
