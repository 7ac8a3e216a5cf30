"""MLflow's server, and the views prepared for its page."""
