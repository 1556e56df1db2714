"""`data.md` of a run folder: every column of every table with its meaning and unit."""

from primacy.records import curves
from primacy.records.study import StudyRecord

_CONTROLS = (
    "`controls/`: networks in which nothing is to be seen, as a run folder of their own with the",
    "same tables: trained on the targets of other examples (shuffled labels), or asked about a",
    "feature that never changes (constant feature). None of their rows is in a table of this",
    "folder; what they came to stands in `verdicts.json` under `controls`.",
)


def markdown(study: StudyRecord) -> str:
    """`data.md`: every column of every table with its meaning and unit."""
    lines = [
        f"# {study.name}: what the files of this folder hold",
        "",
        "`curves/*.parquet`: one measured number a row.",
        "",
        "| column | meaning |",
        "| --- | --- |",
        "| condition | key of the condition; `conditions.parquet` has its name and factors |",
        "| seed | the replicate: one trained network |",
        "| step | training steps taken before the evaluation |",
        "| split | the examples it was measured on: train or test (held out) |",
        "| layer | the hidden layer; null where a measure has none |",
        "| feature | the feature; `... null`: its matched null columns; null: the task itself |",
        "| target | the output; null for the mean over outputs |",
        "| measure | see below |",
        "| value | the number, in the measure's unit; null where it is not defined |",
        "",
        "| measure | unit | formula |",
        "| --- | --- | --- |",
        *(f"| {m.name} | {m.unit} | {_cell(m.formula)} |" for m in study.measures),
        *(f"| {name} (derived) | | {formula} |" for name, formula in curves.DERIVED.items()),
        "",
        "`summary.parquet`: a row for each condition, seed and feature.",
        "`time_to_learn` is in training steps and null where the feature was not learned within",
        "the budget (`learned` false: the true time is later, and it stays in n).",
        "`time_to_pick_up` is the same for a quarter of the feature's slope in the best predictor,",
        "from all features or from it alone, whichever is larger; `dropped`: picked up, and under",
        "a tenth of that slope at the end. Both are null for features without such a slope.",
        "`checkpoints/*.safetensors`: final weights, named condition/seed/layer/parameter.",
        *(_CONTROLS if study.controls != "none" else ()),
        "",
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """A text as a cell of a Markdown table."""
    return text.replace("|", "\\|")
