"""`primacy compare` and `primacy.compare`: several run folders beside each other."""

import dataclasses
import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from primacy.cli.shared import Json, Refused, new_console

if TYPE_CHECKING:
    import polars as pl

    from primacy.analysis.compared import Comparison
    from primacy.result import Result

PAGE = "compare.html"


class Compared:
    """Runs beside each other: `primacy.compare("runs/a", "runs/b")`.

    The first run is what the others are compared with. Reading never writes; `report` writes the
    page.
    """

    def __init__(self, results: Sequence["Result"]) -> None:
        self.results = tuple(results)

    @functools.cached_property
    def comparison(self) -> "Comparison":
        """Everything that was found."""
        from primacy.analysis.compared import Side
        from primacy.analysis.comparison import compare
        from primacy.analysis.runs import Runs

        labels = names([r.folder for r in self.results])
        return compare(
            [
                Side(label, Runs(r.rows, r.lanes, r.record), r.verdicts)
                for label, r in zip(labels, self.results, strict=True)
            ]
        )

    @property
    def frame(self) -> "pl.DataFrame":
        """One row for each contrast or quantity, and each run that is compared with the first.

        `difference` is other minus first, of a ratio the ratio of the two; `low` and `high` are the
        ends of its 95 % interval, null where nothing bounds it; `paired` says whether it was taken
        within each shared seed.
        """
        return self.comparison.frame

    @property
    def seeds(self) -> "pl.DataFrame":
        """The value of each run in each seed, which `frame` is computed from."""
        return self.comparison.seeds

    @property
    def differs(self) -> "pl.DataFrame":
        """What differs between the studies: what, where, and a column for each run."""
        import polars as pl

        labels = [side.label for side in self.comparison.sides]
        rows = [
            {"what": d.what, "where": d.where} | dict(zip(labels, d.values, strict=True))
            for d in self.comparison.differs
        ]
        return pl.DataFrame(rows, schema=dict.fromkeys(("what", "where", *labels), pl.String()))

    @property
    def answer(self) -> str:
        """What it comes to, in two sentences."""
        from primacy.report.comparison import answer

        return answer(self.comparison)

    def report(self, path: str | Path = PAGE) -> Path:
        """Write the page; `compare.html` in this folder unless `path` says otherwise."""
        from primacy.records.files import write
        from primacy.report.comparison import page

        write(Path(path), page(self.comparison).encode())
        return Path(path)

    def __repr__(self) -> str:
        return f"Compared({self.answer})"

    def _repr_html_(self) -> str:
        from primacy.report.notebook import comparison_html

        return comparison_html(self.comparison, self.answer)


def compare(*runs: "str | Path | Result") -> Compared:
    """Lay runs beside each other: what differs, and the same contrasts in each.

    Args:
        runs: two run folders or more, or what `primacy.open` gave; the first is what the others
            are compared with.

    Raises:
        ValueError: fewer than two.
        StoreError: one is no run folder, or it is damaged.
    """
    from primacy.result import Result
    from primacy.result import open as open_run

    if len(runs) < 2:
        raise ValueError("compare takes two run folders or more")
    return Compared([r if isinstance(r, Result) else open_run(r) for r in runs])


def command(
    first: Annotated[Path, Parameter(help="The run folder that the others are compared with.")],
    *others: Annotated[Path, Parameter(help="One or more other run folders.")],
    out: Path = Path(PAGE),
    as_json: Json = False,
) -> int:
    """Lay runs beside each other on one page: what differs, and the same contrasts in each.

    Differences are taken within each seed where both runs drew the same examples for it, with exact
    intervals; else between independent networks. In Python: primacy.compare("runs/a", "runs/b").

    Args:
        out: Where to write the page; compare.html in this folder when left out.
        as_json: Print what differs, and every difference, as a JSON object.
    """
    if not others:
        raise Refused("compare takes two run folders or more: primacy compare runs/a runs/b")
    found = compare(first, *others)
    comparison = found.comparison
    if not comparison.shared:
        labels = [side.label for side in comparison.sides]
        raise Refused(
            f"{' and '.join(labels)} share nothing that can be compared: no condition with a "
            "feature of one name, and no contrast that both can answer"
        )
    page = found.report(out)
    if as_json:
        content = {
            "page": str(page),
            "runs": [side.label for side in comparison.sides],
            "differs": [dataclasses.asdict(d) for d in comparison.differs],
            "differences": found.frame.to_dicts(),
        }
        print(json.dumps(content, ensure_ascii=False, allow_nan=False))
        return 0
    from primacy.report.terminal import lines

    console = new_console()
    console.print(lines(found.answer), style="bold")
    console.print(f"The page: {page}", markup=False, soft_wrap=True)
    return 0


def names(folders: Sequence[Path]) -> list[str]:
    """A label for each folder: its name, with as many folders above it as tell all apart."""
    paths = [folder.resolve() for folder in folders]
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        found = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(found)) == len(found):
            return found
    return [f"{path.name} #{i}" for i, path in enumerate(paths, 1)]  # one folder twice
