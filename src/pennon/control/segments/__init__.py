"""Segments: reusable sets of contexts, one environment each."""
