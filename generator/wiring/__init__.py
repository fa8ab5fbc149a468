"""Through which weights a unit is wired: what feeds it, what it feeds, and which units have nearly the same weights.

channels     where each input channel of a layer comes from: labels.py, moves.py, turns.py, channels.py
strengths    how much of a unit's kernel looks at each of its input channels: kernels.py, strengths.py
feeds        the same wires seen from their other end: which units and classes read a unit: feeds.py
neighbours   which units of a layer have nearly the same kernel: neighbours.py
wiring       all of it, for the layers of a report: wiring.py
"""
