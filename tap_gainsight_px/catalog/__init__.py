"""What there is to read: the table of streams and their schemas."""
