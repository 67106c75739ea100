"""The console: pages for browsers that show and control a mock by its control plane."""
