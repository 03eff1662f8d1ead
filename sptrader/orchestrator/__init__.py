"""The orchestrator: from bars and a plan to decisions, orders and fills; pure, no files, sockets or clock."""
