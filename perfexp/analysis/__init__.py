"""Statistics over runs: a DataFrame in, values out; without MLflow and torch."""
