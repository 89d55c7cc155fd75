"""Singer tap for the Gainsight PX REST API."""
