import os
from pathlib import Path

import pytest
from browser_fixture import browser as browser
from fake_worker import journal as journal
from run_archives import sent as sent

REAL_VARIABLES = ("TL_DATA_DIR", "TL_WEIGHTS_DIR")


@pytest.fixture(autouse=True)
def own_folders(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Give each test its own artifacts, and hide this machine's data unless it is marked `real`."""
    artifacts = tmp_path / "artifacts"
    monkeypatch.setenv("TL_ARTIFACTS_DIR", str(artifacts))
    monkeypatch.setenv("TL_RECORDED_DIR", str(artifacts / "recorded"))
    if request.node.get_closest_marker("real"):
        _require_real_data()
        return artifacts
    for variable in REAL_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    keras_home = tmp_path / "keras"
    keras_home.mkdir()
    monkeypatch.setenv("KERAS_HOME", str(keras_home))
    return artifacts


def _require_real_data() -> None:
    missing = [name for name in REAL_VARIABLES if not Path(os.environ.get(name) or "-").is_dir()]
    if not missing:
        return
    reason = f"{' and '.join(missing)} must name the folders of the real data and weights"
    if os.environ.get("TL_REQUIRE_REAL") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
