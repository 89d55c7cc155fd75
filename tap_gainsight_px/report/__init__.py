"""What a run has done, stream by stream: a table on standard error, and a file."""
