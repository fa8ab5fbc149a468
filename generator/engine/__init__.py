"""One forward pass for every method and every layer: what is asked for, merged, run once."""
