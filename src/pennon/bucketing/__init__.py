"""Where a unit lands: (salt, flag key, unit) to a bucket. The same on every node and in every language."""

from pennon.bucketing.sha256 import bucket, bucket_prefix

__all__ = ["bucket", "bucket_prefix"]
