"""Statistics over runs: a DataFrame in, values out. Nothing here knows of MLflow or of torch."""
