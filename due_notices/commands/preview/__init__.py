"""`preview`: what a run would send."""
