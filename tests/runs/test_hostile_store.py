"""What comes from a shared store is data: it names no file outside the cache and runs nothing."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from perfexp.config.schema import TrackingConfig
from perfexp.errors import TrackingError
from perfexp.store import artifacts

RUN = "0" * 32
EVIL = ("../../../evil.pt", "/tmp/perfexp-evil.pt", "%2e%2e/%2e%2e/evil.pt", "a/../../../evil.pt")


class Hostile(BaseHTTPRequestHandler):
    """An MLflow server whose run lists a file that lies outside the run's own folder."""

    listed = ""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.endswith("/mlflow/runs/get"):
            self._answer(json.dumps({"run": {"info": self._info(), "data": {}}}))
        elif parts.path.endswith("/mlflow-artifacts/artifacts"):
            asked = parse_qs(parts.query).get("path", [""])[0]
            listing = [{"path": self.listed, "is_dir": False, "file_size": 4}]
            self._answer(json.dumps({"files": listing if asked.endswith("folder") else []}))
        else:
            self._answer("evil")

    def _info(self) -> dict[str, str]:
        place = f"mlflow-artifacts:/1/{RUN}/artifacts"
        return {
            "run_id": RUN,
            "run_uuid": RUN,
            "experiment_id": "1",
            "artifact_uri": place,
            "status": "FINISHED",
        }

    def _answer(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def hostile() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("listed", EVIL)
def test_an_artifact_cannot_leave_the_cache(
    hostile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    monkeypatch.setattr(Hostile, "listed", listed)
    root = tmp_path / "a" / "b" / "mlruns"
    before = set(Path("/tmp").glob("*evil*"))
    with pytest.raises(TrackingError, match="cannot be used"):
        artifacts.local(f"runs:/{RUN}/folder", TrackingConfig(hostile, str(root)))
    assert not list(tmp_path.rglob("*evil*")) and set(Path("/tmp").glob("*evil*")) == before


def test_an_honest_artifact_of_the_same_server_is_fetched(
    hostile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the test above could not fail."""
    monkeypatch.setattr(Hostile, "listed", "good.pt")
    found = Path(artifacts.local(f"runs:/{RUN}/folder", TrackingConfig(hostile, str(tmp_path))))
    assert (found / "good.pt").read_text() == "evil"
    assert found.is_relative_to(tmp_path / "cache")


@pytest.mark.slow
def test_telemetry_is_off_unless_asked_for(store_template: Path) -> None:
    code = """
import os
from pathlib import Path
from perfexp.store import connection as store
store.connect(store.resolve(None, Path("mlruns")), Path("mlruns"))
from mlflow.telemetry.client import get_telemetry_client
from mlflow.telemetry.utils import is_telemetry_disabled
print(get_telemetry_client(), is_telemetry_disabled())
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "false"
print(is_telemetry_disabled())
"""
    plain = {k: os.environ[k] for k in ("PATH", "HOME", "TMPDIR") if k in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=store_template.parents[1],
        env=plain,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["None True", "False"]
