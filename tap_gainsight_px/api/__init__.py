"""How PX is talked to: one GET, its retries, its rate limit and what its answers mean."""
