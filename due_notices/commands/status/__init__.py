"""`status`: whether it ran, what it did, and whether an operator must act."""
