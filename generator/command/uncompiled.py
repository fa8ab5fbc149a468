"""For commands that end in seconds: torch without its compiler, which takes longer to import than ResNet-50 takes to draw.

    a batch norm on the meta device ──▶ torch._compile: `import torch._dynamo` ──▶ a stand-in, whose `disable` calls the function
    anything else of it that is asked for ──▶ the stand-in leaves, the compiler itself comes

torch asks for its compiler only to keep it away from functions that it need not compile; nothing is compiled here. Of the
4.9 s of processor time of `convatlas draw torchvision:resnet50`, 1.6 s went to that import.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"
UTILS = f"{COMPILER}.utils"


@contextmanager
def uncompiled() -> Iterator[None]:
    """Without the compiler, unless it is there already or something of it is used. Afterwards all is as it was."""
    if COMPILER in sys.modules:
        yield
        return
    finder = _Finder()
    here = {COMPILER: _StandIn(COMPILER), UTILS: _StandIn(UTILS)}
    here[COMPILER].disable = _disable  # type: ignore[attr-defined]
    here[COMPILER].utils = here[UTILS]  # type: ignore[attr-defined]
    here[COMPILER].__path__ = []  # so that its other modules are looked for, and found by `_Finder`
    here[UTILS].is_compile_supported = _is_compile_supported  # type: ignore[attr-defined]
    sys.modules.update(here)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        _leave()


class _StandIn(ModuleType):
    """Has what torch and torchvision ask for by themselves."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # importlib's own questions
            raise AttributeError(name)
        return getattr(_real(self.__name__), name)


class _Finder(MetaPathFinder, Loader):
    """Finds the compiler's other modules: by fetching all of it."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        stands = isinstance(sys.modules.get(COMPILER), _StandIn)
        return ModuleSpec(name, self) if stands and name.startswith(f"{COMPILER}.") else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _real(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """It ran when it was fetched."""


def _leave() -> None:
    for name in (COMPILER, UTILS):
        if isinstance(sys.modules.get(name), _StandIn):
            del sys.modules[name]


def _real(name: str) -> ModuleType:
    _leave()
    return importlib.import_module(name)


def _disable(function: Callable[..., Any] | None = None, *args: Any, **options: Any) -> Any:
    """The function as it is, as long as the compiler is not there; torch keeps what this returns for good."""
    if function is None:
        return lambda it: _disable(it, *args, **options)

    def called(*given: Any, **named: Any) -> Any:
        compiler = sys.modules.get(COMPILER)
        if compiler is None or isinstance(compiler, _StandIn):
            return function(*given, **named)
        return compiler.disable(function, *args, **options)(*given, **named)

    return called


def _is_compile_supported(device: str) -> bool:
    return bool(_real(UTILS).is_compile_supported(device))
