"""Plain modules: no loss, no optimiser."""
