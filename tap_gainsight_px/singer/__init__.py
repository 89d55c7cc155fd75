"""The streams as the Singer SDK runs them."""
