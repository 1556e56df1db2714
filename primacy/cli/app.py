"""The command line itself: its commands, exit codes and how an error is shown."""

import codecs
import io
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, Literal

from cyclopts import App, CycloptsError

from primacy.cli import (
    alike,
    audit,
    compare,
    data,
    machine,
    merge,
    results,
    run,
    studies,
    watch,
    work,
)
from primacy.engine.interruption import Interruption
from primacy.errors import escaped, shown

app = App(
    name="primacy",
    help="Which features a neural network learns first, how strongly it represents each, and "
    "which it actually uses.",
    help_epilogue="Start with `primacy run complexity`, or with a table of your own: `primacy init "
    "--own-data FILE --out mine.toml`, then `primacy run mine.toml`. Exit codes: 0 done, 1 not "
    "finished or a check failed, 2 refused before any work, 130 and 143 interrupted (the same "
    "command resumes), 141 the reader of the output is gone.",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
)

# polars, scipy, jax and altair take seconds to import: each command imports what it needs.
COMMANDS = (
    run.run,
    work.work,
    studies.explain,
    studies.check,
    studies.init,
    studies.schema,
    audit.audit,
    data.audit_data,
    data.data,
    results.judge,
    results.report,
    results.cite,
    results.inspect,
    results.evaluate,
    alike.alike,
    results.export,
    results.verify,
    merge.merge,
    results.compact,
    results.runs,
    machine.doctor,
    machine.calibrate,
)

for command in COMMANDS:
    app.command(command)
app.command(studies.list_, name="list")
app.command(compare.command, name="compare")
app.command(watch.command, name="watch")


@app.command
def completion(shell: Literal["bash", "zsh", "fish"]) -> int:
    """Print what lets a shell complete commands: `source <(primacy completion bash)`.

    Args:
        shell: Which one.
    """
    # Here, because it is the one command that needs the app itself.
    print(app.generate_completion(prog_name="primacy", shell=shell))
    return 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; ends the process with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    codecs.register_error("escaped", escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may hold what it cannot encode
            stream.reconfigure(errors="escaped")
    with Interruption() as interruption:
        code = _called(words, interruption)
    sys.exit(code)


def _called(words: list[str], interruption: Interruption) -> int:
    try:
        code = app(words, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()  # or what reads us may be found gone when nobody can be told
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except CycloptsError as error:
        return _fail(words, str(error).strip(), 2)
    except ValueError as error:
        # A study's mistakes come as a list (`mistakes.StudyError`), damage as what was found.
        problems = [_problem(p) for p in getattr(error, "problems", ())]
        return _fail(words, str(error), getattr(error, "exit_code", 2), problems)
    except OSError as error:
        what = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        kept = ". Every committed block is kept; the same command resumes."
        return _fail(words, what + kept * (words[:1] in (["run"], ["work"])), 1)
    except KeyboardInterrupt:
        return _fail(words, "interrupted", interruption.code)
    return code if isinstance(code, int) else 0


def _problem(problem: Any) -> dict[str, Any]:
    if isinstance(problem, str):
        return {"file": None, "line": None, "key": None, "message": problem, "choices": []}
    keys = ("file", "line", "key", "message")
    return {key: getattr(problem, key) for key in keys} | {"choices": list(problem.choices or ())}


def _fail(words: Sequence[str], message: str, code: int, problems: Sequence = ()) -> int:
    if "--json" in words:
        print(json.dumps({"error": message, "problems": list(problems)}))
    else:
        # A message may quote a file, which may hold what a terminal takes for a command. Its line
        # breaks are its own, but for those of a path that was given.
        for word in words:
            message = message.replace(word, shown(word)) if "\n" in word else message
        print("\n".join(map(shown, message.split("\n"))), file=sys.stderr)
    return code
