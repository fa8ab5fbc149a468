"""Image sets of any size: where the pictures are (sources.py), in folders, lists (lists.py) and tar shards (shards.py)."""
