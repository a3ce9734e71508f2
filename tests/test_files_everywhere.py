"""No document of the library is written other than whole or not at all."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# These fill a folder or a file that gets its name, or counts as anything, only when it is whole.
_BESIDE = {
    *("data/stored.py", "exchange/importing.py", "features/engines.py", "features/shards.py"),
    "runs/reserve.py",
}


def test_nobody_else_in_the_library_writes_files() -> None:
    found = {
        path.relative_to(ROOT / "tl_core").as_posix(): _writes(path)
        for path in sorted((ROOT / "tl_core").rglob("*.py"))
    }
    unexpected = {name: lines for name, lines in found.items() if lines and name not in _BESIDE}
    assert unexpected == {}
    assert all(found[name] for name in _BESIDE), "no exception without need"


def _writes(path: Path) -> list[int]:
    """Return the lines that write to a file other than inside `with replacing(…)`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    safe = {
        call
        for block in ast.walk(tree)
        if isinstance(block, ast.With) and any(map(_replaces, block.items))
        for call in ast.walk(block)
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node not in safe and _writing(node)
    ]


def _replaces(item: ast.withitem) -> bool:
    call = item.context_expr
    return isinstance(call, ast.Call) and getattr(call.func, "id", "") == "replacing"


def _writing(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return getattr(call.func, "id", "") == "open"
    whose = getattr(call.func.value, "id", "")
    if call.func.attr == "open":
        modes = [argument.value for argument in call.args[:1] if isinstance(argument, ast.Constant)]
        return any(str(mode)[:1] in "wx" for mode in modes)
    if call.func.attr in ("write_text", "write_bytes"):
        return whose != "files"
    return whose == "np" and call.func.attr.startswith("save")
