"""The model card: what a version is, from its own files, as HTML and as Markdown."""
