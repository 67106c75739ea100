"""A reverse proxy that passes bytes on unchanged and shows what it saw."""
