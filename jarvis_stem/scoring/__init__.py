"""From benchmarks and contributions to the leaderboard."""
