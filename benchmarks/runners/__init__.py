"""The programs that are compared. Each is run as a script with the path of a job file."""
