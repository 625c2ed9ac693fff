"""Models that the tools try: every estimator of scikit-learn, pipelines of every kind, and known traps."""
