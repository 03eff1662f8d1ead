"""Strategies: from a YAML file to a checked plan the orchestrator follows; no code in them, and none is evaluated."""
