"""Is the rewrite the same query?"""
