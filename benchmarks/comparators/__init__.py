"""Comparators on ground truth: what tells computation from bias, and what only seems to."""
