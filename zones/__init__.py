"""The lines on the sea: coast, belts, ports, and the zones people draw. Answers where a point is; decides nothing.

May live here: loading, checking, indexing, distance. May not: vessels, events' lives, scores. Only `load.py` and the
build script `build.py` touch files.
"""
