"""Where the files lie that travel with the program: at the top of a checkout, in `_data/` of an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def packaged_root() -> Path:
    """The folder that holds `templates/`, `site_config/`, `inputs/` and `mkdocs.yml`."""
    data = _PACKAGE / "_data"
    return data if data.is_dir() else _PACKAGE.parent


def packaged(name: str) -> Path:
    """The path of a packaged file or folder, by its name from the top: ``packaged("site_config/report.yml")``.

    Raises FileNotFoundError where the installation lacks it: that is a fault of ours, not of the user's.
    """
    path = packaged_root() / name
    if not path.exists():
        raise FileNotFoundError(f"expected {name} among the packaged files, found nothing at {path}")
    return path
