"""HTTP in: the server, the control plane and a WSGI application; the behaviour is in the engine."""
