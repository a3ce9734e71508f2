import subprocess
import sys

from app_pages import ROOT

_OPEN_ALL = """
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("app.py", default_timeout=60).run()
for page in ("1_Train", "2_Compare", "3_Predict", "4_Runs"):
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
print(sorted({"keras", "tensorflow", "openvino"} & set(sys.modules)))
"""


def test_pages_open_without_the_libraries_that_train() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _OPEN_ALL], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
