"""What a run earned, risked and paid: pure functions over arrays and tables; `report.metrics` is the way in."""
