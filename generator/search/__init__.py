"""Pictures to search for: how they are parametrised (fourier.py), and looked at (transforms.py)."""
