"""Where photos can come from: one file each, found by the table in plugins.py; `lookalike providers` lists them."""
