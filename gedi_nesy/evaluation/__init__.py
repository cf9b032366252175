"""What evaluators compute: arrays in, numbers out; no file here knows a method, a run or a config."""
