"""The nouns of a release, the fold that makes one from its events, and the function that decides. Pure."""
