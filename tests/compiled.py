"""The functions of a file, each in a compiled program as in use."""

from types import ModuleType
from typing import Any

import jax


class Compiled:
    """A file whose functions take NumPy arrays and are compiled; its constants as they are."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        return jax.jit(found) if callable(found) else found
