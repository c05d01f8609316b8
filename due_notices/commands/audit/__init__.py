"""`audit`: what was sent, and when."""
