# Generated from src/pennon/sdk/_async/__init__.py by scripts/generate.py: edit that file, not this one.
"""The loops that do the SDK's input and output, as an synchronous program. Their twins are in `pennon.sdk._sync`."""
