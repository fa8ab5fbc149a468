"""A report between its configuration and its pages: what it wants (jobs, keys, plan), and what it found (assemble)."""
