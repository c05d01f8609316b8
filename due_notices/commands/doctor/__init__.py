"""`doctor`: what is wrong with which link."""
