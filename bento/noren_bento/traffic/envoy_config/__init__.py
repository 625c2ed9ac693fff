"""Envoy's configuration as plain values: routes and upstreams in, the bootstrap, clusters and routes out. Pure."""
