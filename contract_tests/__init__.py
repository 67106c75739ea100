"""The contract's laws, and what they are tried on; knows nothing of the server."""
