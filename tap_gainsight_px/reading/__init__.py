"""How records are got: from a bookmark to windows, pages and proved slices."""
