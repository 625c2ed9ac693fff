"""How far, and how surely, production has moved from a Profile. One metric a file. Pure."""
