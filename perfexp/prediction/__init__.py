"""What a cell that nobody measured would cost: a physical fit, a learned correction, an interval."""
