"""MLflow's server and the pages prepared for it."""
