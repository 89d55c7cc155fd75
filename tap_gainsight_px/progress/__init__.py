"""What a run shows while it goes on: bars on a terminal, lines of the log elsewhere."""
