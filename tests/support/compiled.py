"""The functions of a file, each in a compiled program as in use."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax


class Compiled:
    """A file whose functions take NumPy arrays and are compiled; its constants as they are.

    Words, flags and whole numbers are settings: each makes a program of its own.
    """

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        return _run(found) if callable(found) else found


def _run(function: Callable) -> Callable:
    @functools.wraps(function)
    def run(*given: Any, **named: Any) -> Any:
        places = tuple(i for i, x in enumerate(given) if isinstance(x, str | bool | int))
        names = tuple(k for k, x in named.items() if isinstance(x, str | bool | int))
        return _program(function, places, names)(*given, **named)

    return run


@functools.cache
def _program(function: Callable, places: tuple[int, ...], names: tuple[str, ...]) -> Callable:
    return jax.jit(function, static_argnums=places, static_argnames=names)
