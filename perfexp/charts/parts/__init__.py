"""What the figures share: canvas, colours, labels, selection."""
