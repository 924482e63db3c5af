"""What a picture's lattice is: the answer of a network, with reasons for distrust."""
