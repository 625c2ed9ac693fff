"""A model version becomes a BentoML bento with an environment of its own."""
