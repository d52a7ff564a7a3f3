"""Queries as trees: what rewrite techniques and their inverses read, ask and change.

sqlglot serves here; nothing here judges.
"""
