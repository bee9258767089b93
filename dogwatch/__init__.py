"""The ground floor: the words that every room of dogwatch speaks. Imports nothing of ours."""

__version__ = "0.1.0"
