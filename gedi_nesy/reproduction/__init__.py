"""Repeat a published table: a recipe says which runs fill which cells."""
