"""The checks of the contract, by subject; they know nothing of the server."""
