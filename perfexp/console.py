"""Everything that draws on the terminal: consoles, progress bars, tables."""
