"""`primacy work`: one share of a run, for job arrays and for machines that share no network."""

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from primacy.cli.engines import Trainer
from primacy.cli.shared import Flag, Overrides, Plugins, Refused, load, seeds_override
from primacy.engine.interruption import Interruption
from primacy.errors import shown


def work(
    study: str,
    /,
    *,
    out: Path,
    shard: str,
    seeds: int | None = None,
    controls: Literal["default", "full", "none"] | None = None,
    exact_solo: Annotated[bool, Flag] = False,
    overrides: Overrides = (),
    allow_mixed: Annotated[bool, Flag] = False,
    workers: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    plugins: Plugins = (),
) -> int:
    """Train one share of what a run folder lacks, into its inbox; `primacy run` adopts it.

    For job arrays, or for machines without a network between them: give every job the same words
    but for its shard, then run the same study with the same --out (and --seeds, --set) as usual.
    That run takes what is in OUT/inbox and trains what is missing still. A share that was killed
    goes on when the same command is given again.

    Args:
        study: A built-in study (`primacy list`) or a file that ends in .toml.
        out: The run folder; it need not exist.
        shard: Which share, counted from 0, and how many there are: 0/8 to 7/8.
        seeds: As in `primacy run`; all shares and the run must have the same.
        controls: As in `primacy run`.
        exact_solo: As in `primacy run`.
        overrides: Change a key of the study. Repeatable.
        allow_mixed: As in `primacy run`.
        workers: Blocks trained at the same time; one per core when left out.
    """
    index, of = _parsed(shard)
    from primacy.study import file as studyfile

    load(plugins)
    changes = [*overrides, *seeds_override(seeds)]
    changes += [] if controls is None else [f"controls={controls}"]
    changes += ["exact_solo=true"] if exact_solo else []
    requested = studyfile.read(study, overrides=changes)
    for note in requested.notes:
        print(shown(note), file=sys.stderr)
    words = [study, "--out", str(out)]
    words += [part for file in plugins for part in ("--plugin", str(file))]
    words += [] if controls is None else ["--controls", controls]
    words += ["--exact-solo"] if exact_solo else []
    words += [part for change in overrides for part in ("--set", change)]
    words += ["--allow-mixed"] if allow_mixed else []
    words += [] if seeds is None else ["--seeds", str(seeds)]
    trainer = Trainer("threads", workers, False, plugins)
    return _trained(requested, out, (index, of), words, allow_mixed, trainer)


def _trained(
    study: Any,
    out: Path,
    shard: tuple[int, int],
    words: Sequence[str],
    allow_mixed: bool,
    trainer: Trainer,
) -> int:
    from primacy.cli.progress import TerminalProgress
    from primacy.engine.shards import work as train_share
    from primacy.training.block import Interrupted

    index, of = shard
    again = shlex.join(["primacy", "work", *words, "--shard", f"{index}/{of}", *trainer.words])
    resume = f"Blocks in the inbox are kept. This goes on:\n  {again}"
    with Interruption(polled=True, hint=resume) as interruption:
        try:
            with TerminalProgress(Console(stderr=True, highlight=False)) as progress:
                number = train_share(
                    study,
                    out,
                    index,
                    of,
                    progress=progress,
                    stop=interruption.stop,
                    allow_mixed=allow_mixed,
                    engine=trainer.of(progress.say),
                )
        except Interrupted:
            print(f"interrupted. {resume}", file=sys.stderr)
            return interruption.code
    print(
        f"{number} blocks trained into {out / 'inbox'}. When all shares are there, this adopts "
        f"them:\n  {shlex.join(['primacy', 'run', *words])}"
    )
    return 0


def _parsed(shard: str) -> tuple[int, int]:
    """The number of a share and how many there are.

    Raises:
        Refused: it is not such a pair.
    """
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", shard)
    index, of = map(int, found.groups()) if found else (0, 0)
    if not found or index >= of:
        hint = f" Shares are counted from 0: the last one is {of - 1}/{of}." if of else ""
        raise Refused(f"--shard {shard}: expected I/N, from 0/N to N-1/N.{hint}")
    return index, of
