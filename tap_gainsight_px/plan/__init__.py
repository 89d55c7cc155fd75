"""`--plan`: what a sync will read, with how many requests, found out without a sync."""
