"""Types, defaults and range checks of the configuration."""
