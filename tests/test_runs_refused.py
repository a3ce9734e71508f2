"""Archives that hold no run, or one that was tampered with, are refused and leave nothing."""

import io
import json
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from run_archives import Parts, edited, parts_of, refused, written

from tl_core.exchange.archive import FILES, MANIFEST


def _npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _other_arrays(**other: object) -> Callable[[Parts], Parts]:
    def change(parts: Parts) -> Parts:
        with np.load(io.BytesIO(parts["predictions.npz"])) as arrays:
            return parts | {"predictions.npz": _npz(**(dict(arrays) | other))}

    return change


def _without(*names: str) -> Callable[[Parts], Parts]:
    return lambda parts: {name: text for name, text in parts.items() if name not in names}


def _with(name: str, content: bytes) -> Callable[[Parts], Parts]:
    return lambda parts: parts | {name: content}


def _promising_too_much(parts: Parts) -> Parts:
    """An array file of a few bytes whose header announces 8 TB."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
    )
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(parts["predictions.npz"])) as old:
        names = old.namelist()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, header.getvalue())
    return parts | {"predictions.npz": file.getvalue()}


def _announced(images: int) -> Callable[[Parts], Parts]:
    """As many test images as outcome.json announces, too, so that shapes fit each other."""

    def change(parts: Parts) -> Parts:
        outcome = json.loads(parts["outcome.json"])
        outcome["dataset"]["test"] = images
        classes = len(outcome["dataset"]["class_names"])
        file = io.BytesIO()
        with np.load(io.BytesIO(parts["predictions.npz"])) as arrays:
            kept = {name: arrays[name] for name in arrays.files if name.startswith("validation")}
        with zipfile.ZipFile(file, "w") as archive:
            for name, descr, shape in (
                ("probabilities", "<f2", (images, classes)),
                ("labels", "|u1", (images,)),
            ):
                with archive.open(f"{name}.npy", "w") as entry:
                    np.lib.format.write_array_header_1_0(
                        entry, {"descr": descr, "fortran_order": False, "shape": shape}
                    )
            for name, array in kept.items():
                with archive.open(f"{name}.npy", "w") as entry:
                    np.save(entry, array)
        return parts | {
            "outcome.json": json.dumps(outcome).encode(),
            "predictions.npz": file.getvalue(),
        }

    return change


def _name(run: str) -> Callable[[Parts], Parts]:
    return edited(MANIFEST, lambda manifest: manifest.update(run=run))


HOSTILE: list[tuple[str, Callable[[Parts], Parts], str]] = [
    ("path up", _with("../evil.json", b"{}"), "'../evil.json'"),
    ("path up, deeper", _with("x/../../evil", b"{}"), "'x/../../evil'"),
    ("absolute", _with("/tmp/evil", b"{}"), "'/tmp/evil'"),
    ("drive", _with("C:\\evil", b"{}"), "evil"),
    ("folder", _with("folder/", b""), "'folder/', which is not a plain file"),
    ("inside a folder", _with("a/recipe.json", b"{}"), "'a/recipe.json'"),
    ("unknown file", _with("run.py", b"print()"), "'run.py'"),
    ("hidden file", _with(".worker.lock", b""), "worker.lock"),
    ("settings of others", _with("environment.json", b"{}"), "environment.json"),
    ("own mark", _with("imported.json", b"{}"), "imported.json"),
    ("a pickle", _with("model.pkl", b"\x80\x04N."), "model.pkl"),
    ("no recipe", _without("recipe.json"), "recipe.json is missing"),
    ("no answers", _without("predictions.npz"), "predictions.npz is damaged"),
    ("run named up", _name("../../evil"), "manifest.json is of another version"),
    ("run named absolute", _name("/tmp/evil"), "manifest.json is of another version"),
    ("run named hidden", _name(".bin"), "manifest.json is of another version"),
    ("run without name", _name(""), "manifest.json is of another version"),
    ("newer version", edited(MANIFEST, lambda m: m.update(version=2)), "of another version"),
    ("other kind", edited(MANIFEST, lambda m: m.update(kind="x")), "of another version"),
    ("deep JSON", _with("recipe.json", b"[" * 100_000), "recipe.json is damaged"),
    ("still running", edited("status.json", lambda s: s.update(state="running")), "not ended"),
    ("other backbone", edited("recipe.json", lambda r: r.update(backbone="x")), "no backbone 'x'"),
    ("unknown field", edited("recipe.json", lambda r: r.update(run="rm")), "recipe.json is damag"),
    ("steers a terminal", edited("status.json", lambda s: s.update(message="\x1b[2J")), "shown"),
    (
        "steers by a class",
        edited("outcome.json", lambda o: o["dataset"]["class_names"].__setitem__(0, "\x1b]0;")),
        "cannot be shown",
    ),
    ("steers by its name", _with("about.json", b'{"name": "\\u001b[2J"}'), "about.json is damaged"),
    (
        "better figures",
        edited("evaluation.json", lambda e: e["top1"].update(value=1.0)),
        "figures",
    ),
    (
        "other confusion",
        edited("evaluation.json", lambda e: e.update(confusion=[[1]])),
        "the confusion matrix does not fit the classes",
    ),
    (
        "fewer classes",
        edited("outcome.json", lambda o: o["dataset"].update(class_names=["a"])),
        "shape",
    ),
    (
        "a class that leads elsewhere",
        edited("outcome.json", lambda o: o["dataset"]["class_names"].__setitem__(0, "../up")),
        "cannot be called '../up'",
    ),
    (
        "a hidden class",
        edited("outcome.json", lambda o: o["dataset"]["class_names"].__setitem__(0, ".ssh")),
        "cannot be called '.ssh'",
    ),
    ("a bomb of answers", _announced(400_000_000), "would hold 4,400,001,100 numbers"),
    ("a bomb of metrics", _with("metrics.jsonl", b" " * ((16 << 20) + 1)), "metrics.jsonl would"),
    ("no class", _other_arrays(labels=np.full(200, 10)), "labels reach from 10 to 10"),
    ("no probabilities", _other_arrays(probabilities=np.full((200, 10), 7.0)), "probabilit"),
    ("not numbers", _other_arrays(probabilities=np.full((200, 10), np.nan)), "not a number"),
    (
        "pickled",
        _other_arrays(labels=np.array([{"an": "object"}] * 200, dtype=object)),
        r"type '\|O'",
    ),
    ("text", _other_arrays(labels=np.array(["a"] * 200)), "type '<U1'"),
    ("other array", _other_arrays(extra=np.zeros(3)), "other arrays than a run's"),
    ("other shape", _other_arrays(probabilities=np.zeros((200, 11))), "of shape"),
    ("array bomb", _promising_too_much, "of shape"),
    ("no arrays", _with("predictions.npz", b"PK no zip"), "predictions.npz cannot be used"),
    ("a model that is none", _with("model.keras", b"no model"), "not a whole ZIP archive"),
]


@pytest.mark.parametrize(
    ("change", "words"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE]
)
def test_what_no_run_holds_is_refused_and_leaves_nothing(
    sent: Path, tmp_path: Path, change: Callable[[Parts], Parts], words: str
) -> None:
    hostile = written(tmp_path / "hostile.zip", change(parts_of(sent)))
    refused(hostile, words)
    outside = {path.name for path in tmp_path.iterdir()} - {"artifacts", "keras"}
    assert outside == {"sent.zip", "hostile.zip"}


def _entry(sent: Path, name: str, mode: int) -> bytes:
    """The archive with one more entry that says it is a link or a device."""
    file = io.BytesIO(sent.read_bytes())
    with zipfile.ZipFile(file, "a") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, "/etc/passwd")
    return file.getvalue()


def _twice(sent: Path) -> bytes:
    file = io.BytesIO(sent.read_bytes())
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("recipe.json", "{}")
    return file.getvalue()


def _many(sent: Path) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(20_000):
            archive.writestr(str(number), "")
    return file.getvalue()


def _many_hidden(sent: Path) -> bytes:
    """The same, with an end that says there are three."""
    content = bytearray(_many(sent))
    at = content.rfind(b"PK\x05\x06")
    content[at + 8 : at + 12] = struct.pack("<HH", 3, 3)
    return bytes(content)


def _many_behind_another_end(sent: Path) -> bytes:
    """The same in a longer form, before an end whose disk numbers look like an end themselves."""
    content = _many(sent)
    at = content.rfind(b"PK\x05\x06")
    size, offset = struct.unpack("<LL", content[at + 12 : at + 20])
    longer = (b"PK\x06\x06", 44, 45, 45, 0, 0, 20_000, 20_000, size, offset)
    return b"".join(
        (
            content[:at],
            struct.pack("<4sQ2H2L4Q", *longer),
            struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1),
            b"PK\x05\x06" + b"PK\x05\x06" + bytes(14),
        )
    )


def _more_than_said(sent: Path) -> bytes:
    """An archive of twelve files whose end says that there are ten."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(12):
            archive.writestr(str(number), "")
    content = bytearray(file.getvalue())
    content[-14:-10] = struct.pack("<HH", 10, 10)
    return bytes(content)


def _on_several_disks(sent: Path) -> bytes:
    content = bytearray(sent.read_bytes())
    content[-18:-14] = struct.pack("<HH", 1, 1)
    return bytes(content)


def _tar(sent: Path) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, kind in (("../evil", tarfile.SYMTYPE), ("device", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    return file.getvalue()


def _other_compression(sent: Path) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        for name, content in parts_of(sent).items():
            archive.writestr(name, content)
    return file.getvalue()


def _encrypted(sent: Path) -> bytes:
    content = bytearray(sent.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 8] |= 1
    return bytes(content)


RAW: list[tuple[str, Callable[[Path], bytes], str]] = [
    ("link", lambda p: _entry(p, "log.txt", stat.S_IFLNK | 0o777), "'log.txt', which is not a pla"),
    ("device", lambda p: _entry(p, "log.txt", stat.S_IFCHR | 0o666), "which is not a plain file"),
    ("pipe", lambda p: _entry(p, "log.txt", stat.S_IFIFO | 0o666), "which is not a plain file"),
    ("more than the manifest says", lambda p: _entry(p, "log.txt", 0), "other files than its man"),
    ("one name twice", _twice, "'recipe.json' twice"),
    ("20,000 files", _many, "more than the 10 files"),
    ("20,000 files, hidden", _many_hidden, "more than the 10 files"),
    ("20,000 files behind another end", _many_behind_another_end, "more than the 10 files"),
    ("12 files that say they are 10", _more_than_said, "more than the 10 files"),
    ("on several disks", _on_several_disks, "not a whole ZIP archive"),
    ("tar with links and devices", _tar, "not a whole ZIP archive"),
    ("encrypted", _encrypted, "in a form that is not read"),
    ("bzip2", _other_compression, "in a form that is not read"),
    ("empty", lambda _: b"", "not a whole ZIP archive"),
    ("cut short", lambda p: p.read_bytes()[:-40], "no archive of a run"),
    ("a web page", lambda _: b"<html>", "not a whole ZIP archive"),
    ("pickle", lambda _: b"\x80\x04\x95", "not a whole ZIP archive"),
]


@pytest.mark.parametrize(("make", "words"), [c[1:] for c in RAW], ids=[c[0] for c in RAW])
def test_an_archive_that_is_none_is_refused(sent: Path, make, words: str) -> None:
    refused(io.BytesIO(make(sent)), words)


def test_a_byte_changed_on_the_way_is_noticed(sent: Path, tmp_path: Path) -> None:
    parts = parts_of(sent)
    log = parts["metrics.jsonl"]
    changed = written(
        tmp_path / "c.zip", parts | {"metrics.jsonl": log[:-2] + b" \n"}, signed=False
    )
    refused(changed, "metrics.jsonl was changed on its way: its checksum differs")


def test_bombs_are_refused_at_the_first_byte_too_many(
    sent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = parts_of(sent)
    zeros = bytes(300 << 20)
    small = json.loads(parts[MANIFEST])
    small["files"]["log.txt"] = {"bytes": 10, "sha256": "0" * 64}
    bomb = written(
        tmp_path / "bomb.zip",
        parts | {"log.txt": zeros, MANIFEST: json.dumps(small).encode()},
        signed=False,
    )
    assert bomb.stat().st_size < 1 << 20
    read: list[int] = []
    plain = zipfile.ZipExtFile.read

    def counted(self: zipfile.ZipExtFile, count: int = -1) -> bytes:
        content = plain(self, count)
        read.append(len(content))
        return content

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    refused(bomb, "log.txt has more bytes than its manifest says")
    refused(written(tmp_path / "honest.zip", parts | {"log.txt": zeros}), "at most 67,108,864")
    assert sum(read) < 5 << 20
    assert FILES["log.txt"] == 67_108_864


def test_a_manifest_that_is_a_bomb_is_read_no_further_than_it_may(
    sent: Path, tmp_path: Path
) -> None:
    parts = parts_of(sent) | {MANIFEST: b" " * (50 << 20)}
    refused(written(tmp_path / "bomb.zip", parts, signed=False), "of another version, damaged")
    for text in (b"", b"{", b"[" * 100_000, b"\xff\x00"):
        parts[MANIFEST] = text
        refused(written(tmp_path / "none.zip", parts, signed=False), "of another version, damaged")
