"""Where the paths of a configuration lead: from the working directory, else from the file, else to a packaged file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from generator.dataset.patterns import is_pattern, meets
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
        update = {
            "source": self._source(model.source),
            "weights": None if model.weights is None else self.find(model.weights),
            "labels": None if model.labels is None else self.find(model.labels),
        }
        inputs = {k: self.find(v) if isinstance(v, str) else v for k, v in model.inputs.items()}
        model = model.model_copy(update={**update, "inputs": inputs})
        images = Path(self.find(str(config.images)))
        truth = config.truth if config.truth == "folders" else self.find(config.truth)
        targets = tuple(self._target(target) for target in config.targets)
        trust = config.trust
        if trust.boxes is not None:
            trust = trust.model_copy(update={"boxes": self.find(trust.boxes)})
        found = {
            "dataset": None if config.dataset is None else self._several(config.dataset),
            "trust": trust,
            "compare": tuple(map(self._source, config.compare)),
            "checkpoints": tuple(map(self._several, config.checkpoints)),
            "images": images,
            "model": model,
            "truth": truth,
            "targets": targets,
            "groups": {**self.groups(), **config.groups},
        }
        return config.model_copy(update=found)

    def _source(self, source: str) -> str:
        """A source whose file is found, where it names one."""
        if source.lower().endswith(".prototxt"):
            return self.find(source)
        if not (source.startswith("python:") and ".py:" in source):
            return source
        file, _, function = source.removeprefix("python:").rpartition(":")
        return f"python:{self.find(file)}:{function}"

    def _several(self, path: str) -> str:
        """A file, a folder, or a pattern where it meets a file; `auto` as it is."""
        if not is_pattern(path):
            return self.find(path)
        if meets(path):
            return path
        around = (str(folder / path) for folder in (self.file.parent, packaged_root()))
        return next((found for found in around if meets(found)), path)

    def _target(self, target: str) -> str:
        """A target with the file of a function found: ``call:my/targets.py:dogness``."""
        if not target.startswith("call:") or ".py:" not in target:
            return target
        file, _, function = target.removeprefix("call:").rpartition(":")
        return f"call:{self.find(file)}:{function}"

    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """The groups of labels in `site_config/labels/`, by name: the user's own files win over the packaged ones."""
        folders = [Path("site_config/labels"), self.file.parent / "site_config/labels", packaged("site_config/labels")]
        found = {file.stem: file for folder in reversed(folders) for file in sorted(folder.glob("*.txt"))}
        return {name: _lines(file) for name, file in sorted(found.items())}


def _lines(file: Path) -> tuple[str, ...]:
    """The lines of a group's file that say something: a line that begins with # is a comment."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"targets: the group {file} cannot be read: expected UTF-8 text ({error})") from None
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def shown(path: Path | str) -> str:
    """A path, or a source with one in it, as it may be published: relative to the working directory or to the packaged
    files where it lies in them."""
    text = str(path)
    for root in (Path.cwd(), packaged_root()):
        text = text.replace(f"{root.as_posix().rstrip('/')}/", "")
    return text
