"""What a user or a runner gives the tap: files, variables, a catalog. Understood, or refused."""
