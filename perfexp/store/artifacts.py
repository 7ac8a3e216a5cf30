"""Checkpoints that are artifacts of a run, copied below ``mlruns/cache``."""

from pathlib import Path

from perfexp.cache import Cache, digest
from perfexp.config.schema import TrackingConfig
from perfexp.store import connection

_KIND, _SCHEME = "checkpoints", "runs:/"


def local(weights: str, tracking: TrackingConfig) -> str:
    """Return ``weights`` unchanged, but ``runs:/RUN/PATH`` as the path of a local copy.

    Raises:
        TrackingError: the store or the artifact does not exist.
        CacheError: the cache cannot be written.
    """
    if not weights.startswith(_SCHEME):
        return weights
    root = Path(tracking.root)
    uri = connection.resolve(tracking.uri, root)
    cache, key = Cache((root / "cache").resolve()), digest({"store": uri, "weights": weights})
    name = Path(weights).name
    if not cache.has(_KIND, key):
        connection.connect(uri, root, create=False)
        from mlflow.artifacts import download_artifacts

        with cache.writing(_KIND, key) as folder, connection.explained(uri):
            download_artifacts(artifact_uri=weights, dst_path=str(folder), tracking_uri=uri)
    return str(cache.entry(_KIND, key) / name)
