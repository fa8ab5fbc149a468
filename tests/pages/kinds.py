"""A page of each kind that the tiny report has."""

from __future__ import annotations

KINDS = ("index.html", "tour.html", "architecture.html", "layers/index.html", "units.html", "layers/layer-0.html", "layers/layer-3.html", "images/index.html", "images/image-0.html",
         "methods/index.html", "methods/grad_cam.html", "compare.html", "live.html", "trust.html", "findings.html", "drawings.html",
         "learn/index.html", "learn/convolution.html", "learn/receptive_field.html", "learn/pooling.html", "learn/batch_norm.html",
         "learn/activation.html", "learn/backprop_rules.html", "learn/cam.html", "run.html", "404.html")  # fmt: skip
