"""The operator's command line: one module per command, `console` for what they share. Not deployed."""
