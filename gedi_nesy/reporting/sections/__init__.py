"""The sections of a run's report, by content: each a function of the run's files."""
