"""Measured accuracy: images are decoded, inferred, scored and stored, shard by shard."""
