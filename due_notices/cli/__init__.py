"""The operator's command line: one module per command; they share `console` and `words`. Not deployed."""
