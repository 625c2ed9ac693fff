"""The loop that acts on decisions, the only clock, and its HTTP API on a unix socket."""
