"""A contribution's way to the leaderboard: start, export, pull request, judgement."""
