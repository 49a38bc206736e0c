"""Pages: one file each, with ``register`` (its path, title and callbacks) and ``layout``."""
