"""The forms a trained network can be written in: one file each, found by the table in plugins.py."""
