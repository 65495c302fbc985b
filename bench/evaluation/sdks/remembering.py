"""Pennon's client, told to remember the buckets of users who come again."""

from bench.evaluation.sdks import pennon


class Adapter(pennon.Adapter):
    """The client with a cache of buckets."""

    bucket_cache = 100_000
