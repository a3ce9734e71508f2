"""Files that people and attackers drop: each made by code, each with the answer it must get."""

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, PngImagePlugin
from run_folders import write_run

from tl_core.data.picture_file import MAX_BYTES
from tl_core.runs.documents import Outcome
from tl_core.runs.store import Run

# What a picture of one colour is answered with by the model of `colour_model`.
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "grey": (128, 128, 128),
}
RED, GREEN, BLUE, WHITE = (COLOURS[name] for name in ("red", "green", "blue", "white"))
UPRIGHT = (RED, GREEN, BLUE, WHITE)

TOO_MANY_PIXELS = "more than the 40,000,000 accepted; make it smaller."
TOO_LARGE = "more than the 20,971,520 (20 MB) accepted; make it smaller."
DAMAGED = "cannot be read (it is truncated or damaged); give an intact JPEG, PNG,"


@dataclass(frozen=True)
class Hostile:
    """A file and its answer: a colour, `corners` where they matter too, or words of a refusal."""

    name: str
    data: bytes
    colour: str | None = None
    corners: tuple[tuple[int, ...], ...] | None = None
    refused: str | None = None


@cache
def hostile_files() -> list[Hostile]:
    """Return all of them; names are unique."""
    files = [*_right_in_the_end(), *_metadata(), *_bombs(), *_damaged(), *_other_kinds(), *_names()]
    assert len({file.name for file in files}) == len(files) >= 60
    return files


def colour_run() -> Run:
    """Write a run whose model answers with the colour that it is shown."""
    run = write_run(classes=len(COLOURS), test=200)
    path = run.folder / "outcome.json"
    outcome = Outcome.model_validate_json(path.read_bytes())
    data = outcome.dataset.model_copy(update={"class_names": tuple(COLOURS)})
    path.write_text(outcome.model_copy(update={"dataset": data}).model_dump_json())
    colour_model(run.model_path, 32)
    return run


def colour_model(path: object, side: int) -> None:
    """Save a Keras model that answers a side×side picture with the colour nearest to its mean."""
    import keras

    points = np.array(list(COLOURS.values()), np.float32) / 255
    inputs = keras.Input((side, side, 3), dtype="uint8")
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    answer = keras.layers.Dense(len(points), activation="softmax")
    model = keras.Model(inputs, answer(mean))
    answer.set_weights([40 * points.T, -20 * (points**2).sum(1)])
    model.save(path)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def plain(colour: str = "red", kind: str = "PNG", mode: str = "RGB", **options: object) -> bytes:
    return encoded(Image.new("RGB", (90, 60), COLOURS[colour]).convert(mode), kind, **options)


def quarters() -> Image.Image:
    image = Image.new("RGB", (64, 64), RED)
    image.paste(GREEN, (32, 0, 64, 32))
    image.paste(BLUE, (0, 32, 32, 64))
    image.paste(WHITE, (32, 32, 64, 64))
    return image


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")


def with_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """Return a PNG with one more chunk after its header."""
    return data[:33] + chunk(kind, content) + data[33:]


def _right_in_the_end() -> list[Hostile]:
    def seen(name: str, data: bytes, colour: str) -> Hostile:
        return Hostile(name, data, colour)

    palette = Image.new("P", (60, 60), 1)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    clear = Image.new("RGBA", (60, 60), (255, 0, 0, 0))
    frames = [Image.new("RGB", (60, 60), colour) for colour in (GREEN, RED, BLUE)]
    later = {"save_all": True, "append_images": frames[1:], "duration": 40}
    deep = b"\0" + struct.pack(">HHH", 0, 0xFFFF, 0) * 60
    deep_clear = b"\0" + struct.pack(">HHHH", 0xFFFF, 0, 0, 0) * 60
    turned = [
        _turned(orientation, kind)
        for orientation, kind in ((3, "JPEG"), (5, "PNG"), (6, "JPEG"), (7, "WEBP"), (8, "JPEG"))
    ]
    white = b"\0" + b"\xff" * 1000
    large = Image.new("RGB", (6000, 4000), RED)
    progressive = encoded(Image.new("RGB", (90, 60), "blue"), "JPEG", progressive=True)
    return [
        *turned,
        seen("cmyk.jpg", plain("red", "JPEG", "CMYK", quality=95), "red"),
        seen("grey.jpg", plain("white", "JPEG", "L"), "white"),
        seen("progressive.jpg", progressive, "blue"),
        seen("16 bits, grey.png", _sixteen(65535), "white"),
        seen("16 bits, middle.png", _sixteen(0x8080), "grey"),
        seen("16 bits, colour.png", png(60, 60, 16, 2, deep * 60), "green"),
        seen("16 bits, clear.png", png(60, 60, 16, 6, deep_clear * 60), "white"),
        seen("one bit.png", plain("white", mode="1"), "white"),
        seen("palette.png", encoded(palette, "PNG"), "blue"),
        seen("palette, clear.png", encoded(palette, "PNG", transparency=1), "white"),
        seen("palette, half clear.png", _half_clear_palette(palette), "white"),
        seen("palette, clear.gif", encoded(palette, "GIF", transparency=1), "white"),
        seen("clear.png", encoded(clear, "PNG"), "white"),
        seen("clear.webp", encoded(clear, "WEBP", lossless=True), "white"),
        seen("clear.avif", encoded(clear, "AVIF"), "white"),
        seen("grey and clear.png", encoded(Image.new("LA", (9, 9), (0, 0)), "PNG"), "white"),
        seen("animated.gif", encoded(frames[0], "GIF", **later), "green"),
        seen("animated.webp", encoded(frames[0], "WEBP", lossless=True, **later), "green"),
        seen("animated.png", encoded(frames[0], "PNG", **later), "green"),
        seen("animated.avif", encoded(frames[0], "AVIF", **later), "green"),
        seen("two frames.mpo", encoded(frames[0], "MPO", **later), "green"),
        seen("one pixel.bmp", encoded(Image.new("RGB", (1, 1), RED), "BMP"), "red"),
        seen("a strip.png", encoded(Image.new("RGB", (30_000, 1), BLUE), "PNG"), "blue"),
        seen("a jpeg.png", plain("red", "JPEG"), "red"),
        seen("a png.jpg", plain("blue"), "blue"),
        seen("a gif.webp", plain("green", "GIF"), "green"),
        seen("a picture.txt", plain("red"), "red"),
        seen("no ending", plain("red"), "red"),
        seen("as large as may be.png", png(8000, 5000, 1, 0, white * 5000), "white"),
        seen("as large, 16 bits.png", png(8000, 5000, 16, 0, bytes(16_001 * 5000)), "black"),
        seen("as large.webp", encoded(large, "WEBP", lossless=True, method=0), "red"),
        seen("something after its end.png", plain("red") + b"<script>alert(1)</script>", "red"),
        seen("an archive after its end.jpg", plain("red", "JPEG") + _archive(), "red"),
    ]


def _turned(orientation: int, kind: str) -> Hostile:
    undo = {
        3: Image.Transpose.ROTATE_180,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = encoded(quarters().transpose(undo[orientation]), kind, exif=exif)
    return Hostile(f"turned {orientation}.{kind.lower()}", stored, "grey", UPRIGHT)


def _sixteen(level: int) -> bytes:
    return encoded(Image.fromarray(np.full((60, 60), level, np.uint16)), "PNG")


def _half_clear_palette(palette: Image.Image) -> bytes:
    return encoded(palette, "PNG", transparency=bytes([255, 10]))


def _metadata() -> list[Hostile]:
    """Notes in a picture that are wrong, enormous or bombs; the pixels are whole in all of them."""
    bomb = zlib.compress(bytes(50_000_000), 9)
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "<script>alert(1)</script>" * 100, zip=True)
    loop = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0"
    wrong = b"Exif\0\0II*\0\xff\xff\xff\xff garbage"
    count = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff\x1a\0\0\0\0\0\0\0"
    profile = b"icc\0\0" + bomb
    return [
        Hostile("notes.png", encoded(Image.new("RGB", (9, 9), RED), "PNG", pnginfo=text), "red"),
        Hostile("wrong exif.jpg", plain("red", "JPEG", exif=wrong), "red"),
        Hostile("exif in a loop.jpg", plain("red", "JPEG", exif=loop), "red"),
        Hostile("exif of four billion.jpg", plain("red", "JPEG", exif=count), "red"),
        Hostile("huge exif.png", with_chunk(plain("red"), b"eXIf", bytes(8_000_000)), "red"),
        Hostile(
            "text bomb.png", with_chunk(plain("red"), b"zTXt", b"a\0\0" + bomb), refused=DAMAGED
        ),
        Hostile(
            "international text bomb.png",
            with_chunk(plain("red"), b"iTXt", b"a\0\1\0\0\0" + bomb),
            refused=DAMAGED,
        ),
        Hostile("profile bomb.png", with_chunk(plain("red"), b"iCCP", profile), refused=DAMAGED),
        Hostile("broken profile.jpg", plain("red", "JPEG", icc_profile=b"no profile" * 9), "red"),
    ]


def _bombs() -> list[Hostile]:
    """Small files that would be enormous, or would keep the machine busy."""
    gif = bytearray(plain("red", "GIF"))
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    frame = bytearray(plain("red", "GIF"))
    place = frame.index(b"\x2c", 13 + 3 * 2 ** ((frame[10] & 7) + 1))
    frame[place + 5 : place + 9] = struct.pack("<HH", 65535, 65535)
    bmp = bytearray(plain("red", "BMP"))
    bmp[18:26] = struct.pack("<ii", 50_000, 50_000)
    jpeg = bytearray(plain("red", "JPEG"))
    size = jpeg.index(b"\xff\xc0") + 5
    jpeg[size : size + 4] = struct.pack(">HH", 65_500, 65_500)
    drawn = encoded(Image.new("L", (512, 512), 255), "JPEG", progressive=True)
    scan = drawn[drawn.rindex(b"\xff\xda") : -2]
    webp = bytearray(plain("red", "WEBP", lossless=True))
    too_large_webp = encoded(Image.new("RGB", (6001, 4000), RED), "WEBP", lossless=True, method=0)
    # 14 bits each for the width and the height, less one.
    webp[21:25] = struct.pack("<I", (struct.unpack("<I", webp[21:25])[0] | 0xFFFFFFF) & ~1)
    return [
        Hostile("enormous.png", png(60_000, 60_000, 1, 0, bytes(10**6)), refused=TOO_MANY_PIXELS),
        Hostile("a bit too large.png", png(8001, 5000, 1, 0, bytes(9)), refused=TOO_MANY_PIXELS),
        Hostile("two billion.png", png(2**31 - 1, 1, 8, 2, bytes(9)), refused=TOO_MANY_PIXELS),
        Hostile("no size.png", png(0, 0, 8, 2, b""), refused="known format, or damaged"),
        Hostile("enormous.gif", bytes(gif), refused=TOO_MANY_PIXELS),
        Hostile("enormous frame.gif", bytes(frame), refused=TOO_MANY_PIXELS),
        Hostile("enormous.bmp", bytes(bmp), refused=TOO_MANY_PIXELS),
        Hostile("enormous.jpg", bytes(jpeg), refused=TOO_MANY_PIXELS),
        Hostile("large.webp", too_large_webp, refused="more than the 24,000,000 accepted"),
        Hostile("enormous.webp", bytes(webp), refused=TOO_MANY_PIXELS),
        Hostile("a thousand scans.jpg", drawn[:-2] + scan * 1000 + drawn[-2:], refused="scans"),
        Hostile("above 20 MB.png", plain("red") + bytes(MAX_BYTES), refused=TOO_LARGE),
        Hostile("unpacks to nothing.png", png(4000, 4000, 8, 6, bytes(10**7)), refused=DAMAGED),
    ]


def _damaged() -> list[Hostile]:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    cut = [
        Hostile(f"cut.{kind.lower()}", _half(encoded(noise, kind)), refused=DAMAGED)
        for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF")
    ]
    return [
        *cut,
        Hostile("cut.avif", _half(encoded(noise, "AVIF")), refused="is a damaged AVIF picture"),
        Hostile("no bytes.png", b"", refused="is empty (0 bytes)"),
        Hostile("one byte.jpg", b"\xff", refused="not a picture of a known format"),
        Hostile("its beginning only.png", b"\x89PNG\r\n\x1a\n", refused="known format, or damaged"),
        Hostile("its beginning only.jpg", b"\xff\xd8\xff\xe0", refused="known format, or damaged"),
        Hostile("nothing but zeros.png", bytes(5000), refused="known format, or damaged"),
        Hostile("noise.jpg", bytes(noise.tobytes()[:5000]), refused="known format, or damaged"),
    ]


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _other_kinds() -> list[Hostile]:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    page = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
    picture = Image.new("RGB", (60, 60), RED)
    return [
        Hostile("drawing.svg", svg, refused="is an SVG drawing, which is not accepted"),
        Hostile("drawing.png", b'<?xml version="1.0"?>\n' + svg, refused="is an SVG drawing"),
        Hostile("page.jpg", page, refused="is a web page, not a picture"),
        Hostile("archive.png", _archive(), refused="is an archive, not a picture"),
        Hostile("empty archive.jpg", b"PK\5\6" + bytes(18), refused="is an archive"),
        Hostile("packed.jpg", b"\x1f\x8b\x08" + bytes(20), refused="is an archive"),
        Hostile("document.png", b"%PDF-1.7\n%", refused="is a PDF document"),
        Hostile("scan.tif", encoded(picture, "TIFF"), refused="is a TIFF picture"),
        Hostile("scan.jpg", encoded(picture, "TIFF"), refused="is a TIFF picture"),
        Hostile("drawing.eps", encoded(picture, "EPS"), refused="is a PostScript drawing"),
        Hostile("layers.psd", b"8BPS\0\1" + bytes(40), refused="is a Photoshop file"),
        Hostile("icon.ico", encoded(picture, "ICO"), refused="is an icon"),
        Hostile("new.jp2", encoded(picture, "JPEG2000"), refused="is a JPEG 2000 picture"),
        Hostile("phone.heic", b"\0\0\0\x18ftypheic" + bytes(9), refused="is a HEIC picture"),
        Hostile("film.mp4", b"\0\0\0\x18ftypmp42" + bytes(9), refused="is a video"),
        Hostile("program.jpg", b"\x7fELF\2\1\1" + bytes(90), refused="is a program"),
        Hostile("words.txt", b"no picture at all", refused="not a picture of a known format"),
        Hostile("pickle.png", b"\x80\x04cos\nsystem\n(S'true'\ntR.", refused="known format"),
    ]


def _archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../../evil.png", b"x")
    return stream.getvalue()


def _names() -> list[Hostile]:
    names = (
        "<img src=x onerror=alert(1)>.png",
        "<script>alert(1)<",
        "**bold** [link](javascript:alert(1)) ![x](http:x).png",
        ":red[red] :material/delete: $x^2$ `code` :smile:.png",
        "ünïcödé 猫 🐈.png",
        "a" * 200 + ".png",
        "..png",
        "-rf.png",
        "tab\there.png",
    )
    return [
        *(Hostile(name, plain("blue"), "blue") for name in names),
        Hostile("<b>no picture</b>.png", b"no", refused="not a picture of a known format"),
        Hostile("# heading\n---\n.png".replace("\n", " "), b"no", refused="not a picture"),
    ]
