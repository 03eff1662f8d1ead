"""Runs: the only floor that wires the edges to the core."""
