"""Where a unit lands: (salt, flag key, unit) to a bucket. The same on every node and in every language."""

from pennon.bucketing.sha256 import BUCKETS, bucket, bucket_after, bucket_prefix, sha256, unpack
from pennon.bucketing.text import well_formed

__all__ = ["BUCKETS", "bucket", "bucket_after", "bucket_prefix", "sha256", "unpack", "well_formed"]
