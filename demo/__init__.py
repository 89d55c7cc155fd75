"""The demo: a stand-in for Gainsight PX into a real Postgres by Meltano, then what arrived."""
