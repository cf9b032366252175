"""First-party plugins, reached only through the entry-point group `gedi_nesy`, like anyone else's.

Each folder is one plugin; its `__init__.py` registers what the files beside it define, by reference, so that listing
plugins imports nothing heavy. A new file needs one line there.
"""
