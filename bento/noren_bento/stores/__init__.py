"""Where things are kept: model versions in MLflow, events in SQL."""
