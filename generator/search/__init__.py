"""Pictures to search for.

    canvas ──▶ paint ──▶ look ──▶ model up to a layer ──▶ objective - priors ──▶ gradient ──▶ ascent ──▶ canvas
    fourier.py, pixels.py, maco.py     transforms.py      objectives.py, diversity.py, priors.py      ascent.py

climb.py goes round, batches.py in batches; dead.py says why a picture shows nothing; visualize.py is the library's way in.
"""
