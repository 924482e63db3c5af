"""The page of ``jarvis-stem app``: drop pictures, see their lattices."""
