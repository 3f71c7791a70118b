"""Random and mutated input for everything that reads what strangers send, judged by independent rules."""
