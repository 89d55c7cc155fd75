"""Randomness that can be repeated."""

from __future__ import annotations

import random


class Chance(random.Random):
    """A seeded source of randomness; guessing it is no danger, repeating it the purpose."""

    def happens(self, probability: float) -> bool:
        """Say yes with this probability."""
        return self.random() < probability
