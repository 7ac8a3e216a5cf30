"""The programs: one module each; nothing else reads the terminal's arguments."""
