"""Routes become Envoy configuration (pure); Envoy's counters and access log become evidence (edge)."""
