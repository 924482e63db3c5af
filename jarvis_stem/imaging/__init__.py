"""Structures, the images drawn of them, pictures from files, and the lattices measured in both."""
