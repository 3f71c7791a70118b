"""The application of the comparison, once for each server; each answers the same with the same bytes asked."""
