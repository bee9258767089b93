"""Wires real things together: embedded, replay, Kafka stages, command line. `step.py` alone is pure: the product as functions."""
