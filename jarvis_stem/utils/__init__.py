"""What every room uses: errors, whole-file writes, git, messages, the terminal."""
