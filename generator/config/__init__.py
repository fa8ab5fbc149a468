"""The configuration: YAML into frozen values that are right or refused. Its shape is in settings.py."""

from generator.config.dump import dump
from generator.config.settings import (
    INTERPOLATIONS,
    PRESETS,
    InputConfig,
    MethodChoice,
    ModelConfig,
    ReportConfig,
    ExplainConfig,
    TrustConfig,
    load_config,
)

__all__ = [
    "INTERPOLATIONS",
    "PRESETS",
    "InputConfig",
    "MethodChoice",
    "ModelConfig",
    "ReportConfig",
    "ExplainConfig",
    "TrustConfig",
    "dump",
    "load_config",
]
