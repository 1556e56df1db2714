"""`primacy merge`: run folders of one study, from several machines, as one."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from primacy.cli.shared import Flag, Json, Refused
from primacy.errors import shown


def merge(
    *runs: Annotated[Path, Parameter(help="Run folders of one study, with seeds of their own.")],
    out: Path,
    allow_mixed: Annotated[bool, Flag] = False,
    as_json: Json = False,
) -> int:
    """Put run folders of one study, from several machines, together as one.

    Give each machine its own seeds (`--set seed_offset=100`), copy the folders to one place, and
    merge them. The folders themselves stay as they are.

    Args:
        out: The new run folder.
        allow_mixed: Merge runs of different library versions, too.
        as_json: Print a JSON object with the folder and its number of networks.
    """
    from primacy.records.merge import merge as merged
    from primacy.result import open as open_run

    if len(runs) < 2:
        raise Refused("give two run folders or more, and --out for the one that is made of them")
    done = merged(runs, out, allow_mixed=allow_mixed)
    result = open_run(out)
    result.judge()
    page = result.report()
    if as_json:
        print(json.dumps({"folder": str(out), "networks": done, "page": str(page)}))
    else:
        print(f"{done:,} networks: {shown(str(out))}\nThe page: {shown(str(page))}")
    return 0
