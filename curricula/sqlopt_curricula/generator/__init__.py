"""Slow queries nobody wrote: drawn over a database's foreign keys, with literals from its data, and made slow."""
