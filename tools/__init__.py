"""What this repository uses on itself: checks, locks, releases, scaffolding and the fixtures of every test."""
