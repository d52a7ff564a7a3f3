"""Worker processes: forked from templates, jailed, limited, and killed when they take too long. They know no SQL."""
