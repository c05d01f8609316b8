"""What people run; never deployed. One folder per command, with its decision, its output and its adapters.

The commands share `console` (output), `arguments` (what they take) and `reasons`.
"""
