"""How the bytes of one answer become messages."""
