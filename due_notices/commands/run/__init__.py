"""`run`: one run by hand."""
