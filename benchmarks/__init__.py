"""How fast the tap is, beside its peers, on one sandbox. Reports, never gates."""
