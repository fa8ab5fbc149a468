"""The drawn architecture, from a live model or a prototxt file.

    model ─▶ trace ─▶ Graph ─▶ from_graph ─┐
                                           ├─▶ Architecture ─▶ simplify ─▶ graph, blocks, fcnn, lenet, alexnet ─▶ SVG, TikZ
    prototxt ─▶ parse ─▶ shapes ───────────┘

A drawing knows nothing of torch or Caffe; what it draws is an `Architecture`.
"""
