"""Where the shipped strategies are."""

from pathlib import Path

CROSSOVER = Path(__file__).parents[2] / "strategies" / "ma_crossover.yaml"
