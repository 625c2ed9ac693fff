"""The two sides of bench/deploy.py, each run in a fresh process a round: what a notebook's cell would run."""
