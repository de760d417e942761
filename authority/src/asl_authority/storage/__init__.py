"""The only floor that knows where things lie on the host, and the only one that may write there."""
