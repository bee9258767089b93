"""Columns -> events: clock (reorder), vessel table, kernels, one detector per file. Imports the ground floor only."""
