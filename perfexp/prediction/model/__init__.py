"""The models that predict a cell's latency."""
