"""The door to write: records become MLflow runs."""
