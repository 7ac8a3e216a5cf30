"""The sweeper: a grid over cells, each composed once."""
