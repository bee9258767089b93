"""Bytes -> columns: framing, decoding, reassembly, sources, tables. No detector, no score, no broker lives here."""
