"""The configuration written down again, as a report publishes it."""

from __future__ import annotations

import yaml

from generator.config.paths import shown
from generator.config.settings import ReportConfig


def dump(config: ReportConfig) -> str:
    """The configuration as YAML that `load_config` reads back to the same values; no path of this machine in it
    where it can be told without."""
    values = config.model_dump(mode="json", exclude_none=True)
    values["methods"] = [{one.name: dict(one.options)} if one.options else one.name for one in config.methods]
    values["model"]["inputs"] = {k: shown(v) if isinstance(v, str) else v for k, v in config.model.inputs.items()}
    for key in ("input", "inputs"):
        if not values["model"][key]:
            del values["model"][key]
    used = {target.partition(":")[2] for target in config.targets if target.startswith("group:")}
    values["groups"] = {name: list(lines) for name, lines in config.groups.items() if name in used}
    if not values["groups"]:
        del values["groups"]
    values["compare"] = [shown(source) for source in config.compare]
    if not values["compare"]:
        del values["compare"]
    values["checkpoints"] = [shown(source) for source in config.checkpoints]
    if config.dataset is not None:
        values["dataset"] = shown(config.dataset)
    values["truth"] = shown(config.truth)
    values["targets"] = [shown(target) for target in config.targets]
    for key in ("source", "weights", "labels"):
        if key in values["model"]:
            values["model"][key] = shown(values["model"][key])
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)
