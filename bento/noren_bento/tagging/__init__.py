"""From a fitted model and its data to an immutable version: digest, signature, files, lineage."""
