"""Lets `python -m gedi_nesy` be the command line."""

from .cli import main

main()
