"""The files for a server, as far as they can be checked without one."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tl_core.door.passwords import HASH, PASSWORD
from tl_core.door.rules import OPEN, USERS
from tl_core.door.uploads import MOST_BYTES

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"


def test_told_nothing_it_listens_on_this_machine_and_shows_no_details() -> None:
    said = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    server, client = said["server"], said["client"]
    assert server["address"] == "127.0.0.1"
    assert server["maxUploadSize"] * 2**20 == MOST_BYTES
    assert server["enableCORS"] and server["enableXsrfProtection"]
    # What Streamlit itself says of an error: neither its text nor where it came from.
    assert (client["showErrorDetails"], client["showErrorLinks"]) == ("none", False)


def test_the_readme_says_how_to_put_it_on_a_server() -> None:
    _, _, after = (ROOT / "README.md").read_text().partition("\n## Put it on a server\n")
    section = after.partition("\n## ")[0]
    for needed in ("127.0.0.1", PASSWORD, HASH, OPEN, USERS, "deploy/README.md"):
        assert needed in section, needed
    steps = (DEPLOY / "README.md").read_text()
    for file in DEPLOY.iterdir():
        assert file.name == "README.md" or file.name in steps, file.name


def test_the_proxy_lets_through_what_the_app_takes_and_no_more() -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    assert f"client_max_body_size {MOST_BYTES // 2**20 + 1}m;" in text
    for needed in (
        "proxy_set_header Host $http_host;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        "proxy_set_header Upgrade $http_upgrade;",
        "ssl_certificate ",
    ):
        assert needed in text


def test_the_unit_needs_its_password_and_stays_in_its_folder() -> None:
    text = (DEPLOY / "transfer-lab.service").read_text()
    assert "\nEnvironmentFile=/" in text, "with a dash it would start without"
    for needed in ("ProtectSystem=strict", "NoNewPrivileges=yes", "KillMode=process"):
        assert f"\n{needed}\n" in text
    assert "TL_OPEN" not in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "transfer-lab.service"
    text = (DEPLOY / "transfer-lab.service").read_text()
    unit.write_text(text.replace("/opt/transfer-lab/.venv/bin/python", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "transfer-lab.service" not in done.stderr
