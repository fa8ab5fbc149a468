"""Whether to believe a map: what it is worth as a guide to the model, as numbers. Pure functions of maps and of scores.

    faithfulness   is the score lost with the pixels that the map calls relevant?      faithfulness.py, perturb.py, impute.py
    localisation   does the map lie on the object?                                     localisation.py
    sanity         does the map change when what the model learnt is taken away?       sanity.py
    agreement      do methods rank places alike?                                       agreement.py
    verdict        which maps do better than a random one and than the picture's edges: statistics.py, verdict.py

What each number means, its formula and its traps stand in docs/trust.md.
"""
