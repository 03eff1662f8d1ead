"""Figures: pure functions from data to Plotly, and the HTML parts made of the same data."""
