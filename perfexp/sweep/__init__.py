"""Many cells: jobs, order, rounds, resume and progress."""
