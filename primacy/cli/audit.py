"""`primacy audit`: checkpoints of a network of one's own, measured after the fact."""

import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from primacy.cli.shared import Json, Plugins, load, new_console, show_answer

Names = Parameter(negative=(), consume_multiple=True)


def audit(
    code: str,
    /,
    *,
    checkpoints: str,
    data: str = "data",
    out: Path | None = None,
    condition: str = "checkpoints",
    layers: Annotated[tuple[str, ...], Names] = (),
    measures: Annotated[tuple[str, ...], Names] = (),
    hypotheses: Path | None = None,
    plugins: Plugins = (),
    as_json: Json = False,
) -> int:
    """Measure saved networks of your own: what each represents and uses, and when.

    Example: primacy audit my.py:load --checkpoints "runs/seed-{seed}/step-{step}.safetensors"

    my.py has `load()`, which returns an untrained PyTorch module (or `load(arrays)`, which returns
    a network of any framework), and `data()`, which returns `primacy.declare(...)`. Without a
    function of that name, npz files of representations are measured: what they represent, not what
    is used.

    Args:
        code: FILE.py:FUNCTION that makes the network; FILE.py for representations. It is run.
        checkpoints: A folder, or a path with {step} and maybe {seed}. Weights as safetensors; .pt
            is opened with weights_only=True.
        data: The function of the same file that returns the declared data.
        out: The run folder; runs/NAME of the file when left out.
        condition: What these networks are called.
        layers: Names or patterns of layers, such as "blocks.*.mlp"; at most 8 are found when left
            out.
        measures: Which; the default ones when left out.
        hypotheses: A TOML file with [[hypothesis]] tables.
        as_json: Print a JSON object with the run folder and the page.
    """
    from primacy.networks import user_code
    from primacy.networks.audit import audit as measured

    load(plugins)
    file = Path(code.rpartition(":")[0] if ".py:" in code else code)
    result = measured(
        user_code.function(code)[0] if ".py:" in code else None,
        _declared(file, data),
        checkpoints,
        out=out or Path("runs") / file.stem,
        condition=condition,
        layers=layers,
        measures=measures,
        hypotheses=hypotheses or (),
    )
    page = result.report()
    if as_json:
        print(json.dumps({"run": str(result.folder), "page": str(page)}))
    else:
        show_answer(result.answer, result.verdicts)
        new_console().print(f"The page: {page}", soft_wrap=True)
    return 0


def _declared(file: Path, function: str) -> Any:
    """What a user's function declares."""
    from primacy.errors import refuse
    from primacy.networks import user_code
    from primacy.networks.declared import Declared

    declared = user_code.function(f"{file}:{function}")[0]()
    if not isinstance(declared, Declared):
        refuse(str(file), f"{function}() must return primacy.declare(...)")
    return declared
