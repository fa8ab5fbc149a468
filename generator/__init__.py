"""Conv Atlas: any PyTorch vision model and a folder of images, as a browsable report.

The library under it: `generator.attribute`, `generator.activations` and `generator.visualize`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["activations", "attribute", "visualize"]

if TYPE_CHECKING:
    from generator.library import activations, attribute, visualize


def __getattr__(name: str) -> Any:
    """Import torch only when the library is used: `convatlas --help` does not need it."""
    if name in __all__:
        import generator.library as library

        return getattr(library, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
