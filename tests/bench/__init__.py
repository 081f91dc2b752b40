"""Our speed and quality beside the alternatives', one file for each area."""
