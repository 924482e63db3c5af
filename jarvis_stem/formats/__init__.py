"""What is on disk: names, benchmarks, predictions, metadata, runs, weights."""
