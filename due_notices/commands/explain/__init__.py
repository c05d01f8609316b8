"""`explain`: why one customer is, or is not, notified."""
