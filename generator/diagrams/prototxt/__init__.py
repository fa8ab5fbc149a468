"""Caffe's prototxt files as architectures, drawn and compared like those of live models.

file ─▶ tokens ─▶ parse ─▶ message ─▶ layer (V0, V1, V2) ─▶ phases ─▶ network (shapes, windows, dense, arrange, data) ─▶ Architecture
"""

from __future__ import annotations

from generator.diagrams.prototxt.network import phases, read

__all__ = ["phases", "read"]
