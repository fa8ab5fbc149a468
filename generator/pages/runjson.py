"""run.json: what a report is of, what ran, and what did not, for programs. Documented in docs/run-json.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.artifacts import NotApplicable
from generator.names import Layer
from generator.pages.findings_views import Checked
from generator.pages.views import Report

SCHEMA = "convatlas.run/1"
"""Raised when a reader of the old form would go wrong; new keys alone do not raise it."""


def layer_record(layer: Layer) -> dict[str, Any]:
    """One layer as run.json and `convatlas layers --json` have it. `receptive_field` is [height, width] in input pixels,
    null for the whole input; `shape` is [channels, height, width]."""
    return {
        "name": layer.name,
        "kind": layer.kind,
        "op": layer.op,
        "shape": list(layer.shape),
        "parameters": layer.parameters,
        "macs": layer.macs,
        "receptive_field": None if layer.receptive_field is None else list(layer.receptive_field),
        "jump": None if layer.jump is None else list(layer.jump),
        "attributes": dict(layer.attributes),
        "inputs": list(layer.inputs),
    }


def finding_record(checked: Checked) -> dict[str, Any]:
    """One thing that was looked for. What could not be judged has the severity ``not judged`` and the reason as evidence."""
    found = checked.result
    if isinstance(found, NotApplicable):
        return {
            "name": checked.name,
            "severity": "not judged",
            "evidence": found.reason,
            "threshold": "",
            "places": [],
        }
    return {
        "name": checked.name,
        "severity": found.severity,
        "evidence": found.evidence,
        "threshold": found.threshold,
        "places": [{"layer": one.layer, "text": one.text, "units": list(one.units)} for one in found.places],
    }


def explain_record(report: Report) -> dict[str, Any]:
    """How layers are computed: of which images (none where it was not asked for), in how many bytes, and what goes without."""
    found = report.explained
    if found is None:
        return {"images": [], "bytes": 0, "left_out": []}
    return {
        "images": list(found.images),
        "bytes": found.bytes,
        "left_out": [{"operation": name, "reason": reason} for name, reason in found.left_out.items()],
    }


def live_record(report: Report) -> dict[str, Any]:
    """The page that runs the model in the browser: what of it lies on the site, what exporting it took and how near it came."""
    found = report.live
    if found is None or isinstance(found, NotApplicable):
        reason = "it was not asked for." if found is None else found.reason
        return {
            "reason": reason,
            "layers": 0,
            "bytes": 0,
            "runtime_bytes": 0,
            "seconds": 0.0,
            "checked": 0,
            "apart": 0.0,
        }
    program = {} if isinstance(found.runtime, NotApplicable) else found.runtime
    return {
        "reason": found.runtime.reason if isinstance(found.runtime, NotApplicable) else "",
        "layers": len(found.layers),
        "bytes": found.bytes,
        "runtime_bytes": sum(path.stat().st_size for path in program.values()),
        "seconds": found.seconds,
        "checked": found.checked,
        "apart": max(found.scores_apart, found.maps_apart),
    }


def run_json(report: Report, predictions: int = 5) -> Mapping[str, Any]:
    """The whole record, less `bytes`: the size of the site is known when it is written."""
    return {
        "schema": SCHEMA,
        "title": report.title,
        "model": {
            "source": report.source,
            "parameters": report.parameters,
            "macs": report.macs,
            "weights_digest": report.weights_digest,
            "input_shape": list(report.input_shape),
            "classes": report.classes,
            "preprocessing": report.preprocessing,
        },
        "layers": [layer_record(layer) for layer in report.all_layers],
        "images": [
            {
                "name": image.name,
                "digest": image.digest,
                "predictions": [
                    {"index": p.index, "label": p.label, "probability": p.probability}
                    for p in image.predictions[:predictions]
                ],
            }
            for image in report.images
        ],
        "findings": [finding_record(checked) for checked in report.findings.checked] if report.findings else [],
        "explain": explain_record(report),
        "live": live_record(report),
        "passes": {
            "planned": {"forward": report.planned.forward, "backward": report.planned.backward},
            "run": {"forward": report.run.forward, "backward": report.run.backward},
        },
        "timings": {name: round(seconds, 3) for name, seconds in report.timings.items()},
        "skipped": [{"path": path, "reason": reason} for path, reason in report.skipped],
        "not_applicable": [
            {"method": method, "layer": layer, "reason": reason} for method, layer, reason in report.not_applicable
        ],
        "versions": dict(report.versions),
        "notes": list(report.notes),
        "seed": report.seed,
        "device": report.device,
        "config": report.config_yaml,
    }
