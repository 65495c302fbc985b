"""Layers: experiments that share units without meeting, one environment each."""
