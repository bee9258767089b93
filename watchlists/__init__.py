"""Watchlists: vessels that somebody has listed. Text of a list in, entries, an index and hits out. May not: open files, know tracks, score, hold a person."""
