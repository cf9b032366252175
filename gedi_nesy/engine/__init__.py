"""From a config to a trained and evaluated run."""
