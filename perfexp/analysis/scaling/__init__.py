"""How latency depends on batch size: forms, fits, intervals and their comparison."""
