"""What the articles say of the report's own model: its windows, its first kernels, a batch normalisation, its activations."""
