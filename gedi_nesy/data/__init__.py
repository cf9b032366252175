"""Labelled images in memory and the views made of them."""
