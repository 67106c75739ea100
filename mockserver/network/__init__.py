"""URLs, loopback names, listening sockets and outbound proxies."""
