"""The loss of a model around its weights, and between two sets of them: as pure functions of a module and a loss."""
