"""A sweep's jobs before the first one runs: what is typed or filed, grid, axes, check and plan."""
