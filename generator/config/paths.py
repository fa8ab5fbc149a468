"""Where the paths of a configuration lead: from the working directory, else from the file, else to a packaged file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from generator.errors import UserError
from generator.resources import packaged, packaged_root
from generator.selectors import nearest

if TYPE_CHECKING:
    from generator.config.settings import ReportConfig


@dataclass(frozen=True)
class Places:
    """The configuration's file, and with it the folders that relative paths are looked up from."""

    file: Path

    @classmethod
    def of(cls, path: Path | str | None) -> Places:
        """The file named; without one `report.yml` here, else the packaged default report."""
        if path is not None:
            return cls(Path(path))
        here = Path("report.yml")
        return cls(here if here.is_file() else packaged("site_config/report.yml"))

    def find(self, path: str) -> str:
        """`path` as it can be opened from the working directory; unchanged where it exists nowhere.

        A missing file is then reported under the name that the user wrote.
        """
        if Path(path).is_absolute() or Path(path).exists():
            return path
        for folder in (self.file.parent, packaged_root()):
            if (folder / path).exists():
                return str(folder / path)
        return path

    def preset(self, name: str) -> Path:
        """The file of a preset: the user's own in `site_config/presets/` wins over the packaged one."""
        folders = [
            Path("site_config/presets"),
            self.file.parent / "site_config/presets",
            packaged("site_config/presets"),
        ]
        found = {file.stem: file for folder in reversed(folders) for file in sorted(folder.glob("*.yml"))}
        if name not in found:
            raise UserError(
                f"preset: there is no preset `{name}`{nearest(name, list(found))}; there are {', '.join(sorted(found))}"
            )
        return found[name]

    def resolve(self, config: ReportConfig) -> ReportConfig:
        """The same configuration with every input path found. `out` and `store` stay relative to the working directory."""
        model = config.model
        source = model.source
        if source.startswith("python:") and ".py:" in source:
            file, _, function = source.removeprefix("python:").rpartition(":")
            source = f"python:{self.find(file)}:{function}"
        update = {
            "source": source,
            "weights": None if model.weights is None else self.find(model.weights),
            "labels": None if model.labels is None else self.find(model.labels),
        }
        images = Path(self.find(str(config.images)))
        return config.model_copy(update={"images": images, "model": model.model_copy(update=update)})


def shown(path: Path | str) -> str:
    """A path, or a source with one in it, as it may be published: relative to the working directory or to the packaged
    files where it lies in them."""
    text = str(path)
    for root in (Path.cwd(), packaged_root()):
        text = text.replace(f"{root.as_posix().rstrip('/')}/", "")
    return text
