"""The model in the visitor's browser: exported as ONNX, checked against torch, and run there by onnxruntime-web.

model ──▶ outputs.py (scores, class activation maps, a map a layer) ──▶ export.py (ONNX, held against torch) ──▶ parts.py
(two graphs, one set of weights, in files that any host takes) ──▶ the store ──▶ the page live.html, with runtime.py's files
"""
