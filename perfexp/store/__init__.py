"""Write to MLflow: records become runs."""
