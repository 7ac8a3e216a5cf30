"""Predict the latency of unmeasured cells: a linear cost model, a residual model, an interval."""
