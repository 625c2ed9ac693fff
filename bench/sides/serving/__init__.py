"""The servers of bench/serving.py, their models, the client that asks them, and what is measured of them."""
