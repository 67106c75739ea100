"""Flask's routes and the HTTP server; the behaviour is in `mockserver.engine`."""
