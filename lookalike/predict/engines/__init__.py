"""What answers the parts of a list: this machine's cores, or a cluster. Each gives the same rows for the same part."""
