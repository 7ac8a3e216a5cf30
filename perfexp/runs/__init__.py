"""The door to read: MLflow runs become one DataFrame."""
