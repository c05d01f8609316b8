"""`rotate-secret`: a new client secret, for operators."""
