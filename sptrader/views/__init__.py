"""Views: what a notebook shows; widgets that arrange and listen, and do no work of their own."""
