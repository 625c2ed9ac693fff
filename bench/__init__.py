"""Measurements, one a file, each with a `main()` that prints its table; `make bench` runs them all."""
