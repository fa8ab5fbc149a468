"""The configuration: YAML into frozen values that are right or refused. Its shape is in settings.py and sections.py."""

from generator.config.dump import dump
from generator.config.sections import (
    ExplainConfig,
    InputConfig,
    LandscapeConfig,
    LiveConfig,
    MethodChoice,
    ModelConfig,
    TrustConfig,
)
from generator.config.settings import INTERPOLATIONS, PRESETS, ReportConfig, load_config

__all__ = [
    "INTERPOLATIONS",
    "PRESETS",
    "ExplainConfig",
    "InputConfig",
    "LandscapeConfig",
    "LiveConfig",
    "MethodChoice",
    "ModelConfig",
    "ReportConfig",
    "TrustConfig",
    "dump",
    "load_config",
]
