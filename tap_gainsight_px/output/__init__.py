"""What leaves the tap: messages, BATCH files, STATE."""
