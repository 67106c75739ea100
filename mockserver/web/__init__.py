"""The HTTP server and Flask's routes; the behaviour is in `mockserver.engine`."""
