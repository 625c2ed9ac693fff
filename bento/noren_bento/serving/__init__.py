"""The BentoML service that production runs: schema, predict, counts, metrics."""
