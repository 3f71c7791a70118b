"""The performance gate: instructions of the hot paths against a committed baseline, or a paired comparison."""
