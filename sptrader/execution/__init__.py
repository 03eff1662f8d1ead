"""Execution: orders in, fills out, over any broker; and the checks, the latch and the evidence that keep it safe."""
