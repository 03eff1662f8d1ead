"""Streams: how the parts of a live session reach each other, the bytes of their messages, and the session's journal."""
