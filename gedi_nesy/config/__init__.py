"""YAML in, frozen and fully checked config out; every fault of a file at once, with its line and column."""
