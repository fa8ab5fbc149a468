"""What is to be said of a report's model: the evidence is gathered, each check judges it, and the store keeps what they say.

description, weights, answers in the store ──▶ Evidence ──▶ each check ──▶ one record ──▶ Findings for the page
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from generator.artifacts import NotApplicable
from generator.findings import CheckInfo, checks
from generator.findings.evidence import Evidence
from generator.findings.finding import SEVERITIES, Dot, Drawing, Finding, Place
from generator.pages.findings_views import Checked, Findings
from generator.report.keys import code_digest, engine_digest
from generator.report.setup import Setup
from generator.store import Digest, key_of


def findings_of(setup: Setup) -> Findings:
    """What the checks say: judged once, then read from the store."""
    key = findings_key(setup)
    record = setup.store.get(key)
    if record is None:
        evidence = evidence_of(setup)
        results = {name: packed(info.cls().judge(evidence)) for name, info in checks().items()}
        record = setup.store.put(key, {"results": results, "images": evidence.images, "layers": len(evidence.answers)})
    found = [_checked(info, unpacked(record.meta["results"][name])) for name, info in checks().items()]
    found.sort(key=lambda one: _rank(one.result))
    return Findings(tuple(found), record.meta["images"], record.meta["layers"])


def findings_key(setup: Setup) -> Digest:
    """The key of what the checks say: of the model, of what its units answered, and of the checks' own code."""
    asking = setup.asking
    return key_of(
        {
            "findings": code_digest(*(info.cls.__module__ for info in checks().values())),
            "model": asdict(setup.jobs.model),
            "input": list(setup.input_shape),
            "engine": engine_digest(),
            "answers": [] if asking is None else [asking.key(request) for request in asking.requests],
        }
    )


def evidence_of(setup: Setup) -> Evidence:
    """All that is known of the model."""
    asking = setup.asking
    answers = {}
    for request in () if asking is None else asking.requests:
        assert asking is not None
        found = asking.of(setup.store, request.layer.name)
        if found is not None:
            answers[request.layer.name] = found
    return Evidence(setup.description, setup.loaded.module, answers)


def _checked(info: CheckInfo, result: Finding | NotApplicable) -> Checked:
    summary = info.summary[:1].upper() + info.summary[1:]
    return Checked(
        info.name, info.title, summary, inspect.cleandoc(info.body), info.cls.advice, info.cls.papers, result
    )


def _rank(result: Finding | NotApplicable) -> int:
    return len(SEVERITIES) if isinstance(result, NotApplicable) else SEVERITIES.index(result.severity)


# ---- records


def packed(result: Finding | NotApplicable) -> dict[str, Any]:
    """A result as JSON has it."""
    return {"reason": result.reason} if isinstance(result, NotApplicable) else asdict(result)


def unpacked(kept: Mapping[str, Any]) -> Finding | NotApplicable:
    """What `packed` put away."""
    if "reason" in kept:
        return NotApplicable(kept["reason"])
    places = tuple(
        Place(**{**place, "units": tuple(place["units"]), "said": tuple(place["said"])}) for place in kept["places"]
    )
    return Finding(
        kept["severity"], kept["evidence"], kept["threshold"], places, _drawing(kept["drawing"]), kept.get("query", "")
    )


def _drawing(kept: Mapping[str, Any] | None) -> Drawing | None:
    if kept is None:
        return None
    return Drawing(
        **{
            **kept,
            "dots": tuple(Dot(**dot) for dot in kept["dots"]),
            "series": tuple(kept["series"]),
            "lines": tuple((value, text) for value, text in kept["lines"]),
        }
    )
