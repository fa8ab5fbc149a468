"""How optimizers descend: toy surfaces, runs of torch.optim on them, and which start ends in which well."""
