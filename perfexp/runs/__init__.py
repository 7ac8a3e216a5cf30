"""Read from MLflow: runs become one DataFrame."""
