"""OpenFeature."""
