import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tl_core.data.images import ArrayImages, FileImages, check_image, read_image
from tl_core.data.picture_file import FORMATS, opened
from tl_core.errors import UnreadableImage

RED, GREEN, BLUE, WHITE, BLACK = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 255),
    (0, 0, 0),
)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def quarters(width: int = 64, height: int = 64) -> Image.Image:
    """Red and green above, blue and white below."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(WHITE, (width // 2, height // 2, width, height))
    return image


def corners(picture: np.ndarray) -> list[tuple[int, ...]]:
    """The colours of the quarters, each channel rounded to 0, 128 or 255."""
    size = len(picture)
    near, far = size // 4, size - size // 4 - 1
    values = [picture[y, x].astype(int) for y in (near, far) for x in (near, far)]
    return [tuple(int(c) for c in (v + 40) // 128 * 128 - (v > 215)) for v in values]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(rows, 1))
    return b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")


def blank_png(width: int, height: int) -> bytes:
    return png(width, height, 1, 0, b"\0" * (height * (1 + (width + 7) // 8)))


@pytest.mark.parametrize("kind", FORMATS)
def test_each_accepted_format_gives_the_same_picture(kind):
    picture = read_image(encoded(quarters(), kind), 32)
    assert picture.shape == (32, 32, 3)
    assert picture.dtype == np.uint8
    assert corners(picture) == [RED, GREEN, BLUE, WHITE]


def test_a_phone_picture_with_several_frames_is_read_as_jpeg():
    data = encoded(quarters(), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 64))])
    assert corners(read_image(data, 32)) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_orientation_in_the_file_is_honoured(kind, orientation):
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = quarters().transpose(undo[orientation]) if orientation in undo else quarters()
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, kind, exif=exif)
    assert corners(read_image(data, 32)) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_metadata_do_not_cost_the_picture():
    data = encoded(quarters(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    assert corners(read_image(data, 32)) == [RED, GREEN, BLUE, WHITE]


def test_transparency_is_seen_on_white():
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 64, 32))
    for kind in ("PNG", "WEBP"):
        picture = read_image(encoded(image, kind, lossless=True), 64)
        assert tuple(picture[60, 5]) == WHITE
        assert tuple(picture[3, 60]) == BLUE
        # Nothing of the red that lies under the transparent half may bleed into the edge.
        assert (picture[..., 0].astype(int) <= picture[..., 1].astype(int) + 1).all()


def test_a_transparent_palette_and_a_transparent_grey_are_seen_on_white():
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    for kind in ("PNG", "GIF"):
        assert (read_image(encoded(palette, kind, transparency=1), 8) == 255).all()
    grey = encoded(Image.new("L", (8, 8), 7), "PNG", transparency=7)
    assert (read_image(grey, 8) == 255).all()
    assert (read_image(encoded(Image.new("LA", (8, 8), (0, 0)), "PNG"), 8) == 255).all()


@pytest.mark.parametrize("level", [0, 1, 0x7F80, 0x8000, 0xFFFF])
def test_sixteen_bits_are_brought_to_eight(level):
    image = Image.fromarray(np.full((8, 8), level, np.uint16))
    picture = read_image(encoded(image, "PNG"), 8)
    assert (picture == round(level / 257)).all()


def test_sixteen_bits_in_each_colour_are_brought_to_eight():
    row = b"\0" + struct.pack(">HHH", 0x8000, 0xFFFF, 0) * 8
    assert (read_image(png(8, 8, 16, 2, row * 8), 8) == (128, 255, 0)).all()
    row = b"\0" + struct.pack(">HHHH", 0x8000, 0xFFFF, 0, 0) * 8
    assert (read_image(png(8, 8, 16, 6, row * 8), 8) == 255).all()


def test_grey_palette_one_bit_and_cmyk_become_rgb():
    assert (read_image(encoded(Image.new("L", (8, 8), 100), "PNG"), 8) == 100).all()
    assert (read_image(encoded(Image.new("1", (8, 8), 1), "PNG"), 8) == 255).all()
    indexed = quarters().convert("P", palette=Image.Palette.ADAPTIVE)
    assert corners(read_image(encoded(indexed, "PNG"), 32)) == [RED, GREEN, BLUE, WHITE]
    inks = quarters().convert("CMYK")
    assert corners(read_image(encoded(inks, "JPEG"), 32)) == [RED, GREEN, BLUE, WHITE]
    grey = read_image(encoded(Image.new("L", (64, 64), 100), "JPEG"), 8)
    assert abs(grey.astype(int) - 100).max() <= 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken(kind):
    others = [Image.new("RGB", (64, 64)) for _ in range(3)]
    data = encoded(quarters(), kind, save_all=True, append_images=others, duration=50)
    assert corners(read_image(data, 32)) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("turned", [False, True])
def test_a_crop_keeps_the_centre_and_a_pad_keeps_everything(turned):
    image = Image.new("RGB", (120, 40), RED)
    image.paste(GREEN, (40, 0, 80, 40))
    if turned:
        image = image.transpose(Image.Transpose.ROTATE_90)
    data = encoded(image, "PNG")
    cropped, padded = read_image(data, 20), read_image(data, 30, fit="pad")
    assert (cropped[2:-2, 2:-2] == GREEN).all()
    if turned:
        padded = padded.transpose(1, 0, 2)
    assert (padded[:10] == BLACK).all()
    assert (padded[20:] == BLACK).all()
    assert (padded[12:18, 2:8] == RED).all()
    assert (padded[12:18, 12:18] == GREEN).all()


def test_making_smaller_averages_instead_of_dropping_pixels():
    board = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    picture = read_image(encoded(Image.fromarray(board), "PNG"), 32)
    assert abs(picture.astype(int) - 127).max() <= 2


def test_a_tiny_picture_is_made_larger():
    assert (read_image(encoded(Image.new("RGB", (1, 1), GREEN), "PNG"), 16) == GREEN).all()


def test_an_extreme_strip_can_be_read():
    data = encoded(Image.new("RGB", (5000, 1), GREEN), "PNG")
    assert (read_image(data, 16) == GREEN).all()
    assert read_image(data, 16, fit="pad").any()


@pytest.mark.parametrize("read", [lambda data: read_image(data, 32), check_image])
class TestWhatIsRefused:
    @pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
    def test_too_many_pixels_are_refused_before_decoding(self, read, monkeypatch):
        monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
        for side in (6400, 9000, 12_000, 60_000):
            data = png(side, side, 1, 0, bytes(1000))
            with pytest.raises(UnreadableImage, match=r"pixels, more than the 40,000,000"):
                read(data)

    def test_forty_megapixels_are_still_accepted(self, read):
        read(blank_png(8000, 5000))

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "empty"),
            (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
            (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
            (b"%PDF-1.7 ...", "PDF"),
            (b"just some words", "not a picture"),
            (bytes(1000), "not a picture"),
            (encoded(quarters(), "TIFF"), "TIFF"),
            (encoded(quarters(), "ICO"), "an icon, which is not accepted"),
            (encoded(quarters(), "PPM"), "not a picture of a known format"),
        ],
    )
    def test_what_is_no_accepted_picture_is_named(self, read, data, words):
        with pytest.raises(UnreadableImage, match=words) as refusal:
            read(data)
        assert "JPEG, PNG, WebP, BMP, GIF" in str(refusal.value)

    @pytest.mark.parametrize("kind", FORMATS)
    def test_a_truncated_picture_is_refused(self, read, kind):
        noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
        data = encoded(Image.fromarray(noise), kind)
        for share in (0.02, 0.3, 0.9):
            with pytest.raises(UnreadableImage):
                read(data[: int(len(data) * share)])

    def test_the_message_names_the_file(self, read, tmp_path):
        path = tmp_path / "cat.jpg"
        path.write_bytes(b"no cat")
        with pytest.raises(UnreadableImage, match=r"cat\.jpg is not a picture"):
            read(path)
        with pytest.raises(UnreadableImage, match=r"dog\.jpg cannot be read \(no such file"):
            read(tmp_path / "dog.jpg")
        with pytest.raises(UnreadableImage, match="is a folder; give"):
            read(tmp_path)


def test_a_want_of_memory_is_not_called_damage(monkeypatch):
    def starved(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image, "open", starved)
    with pytest.raises(UnreadableImage, match=r"not enough memory\); end other programs"):
        check_image(blank_png(5, 5))


def test_damage_that_leads_before_the_beginning_of_a_file_is_called_damage(monkeypatch, tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(blank_png(5, 5))
    monkeypatch.setattr(Image, "open", lambda stream, formats: stream.seek(-9))
    with pytest.raises(UnreadableImage, match="truncated or damaged"):
        check_image(path)


def test_one_large_picture_is_decoded_at_a_time_and_small_ones_beside_it():
    """Of 40 megapixels each takes hundreds of MB, and as many are asked for as there are tabs."""

    def enter(data: bytes) -> bool:
        with opened(data):
            return True

    with ThreadPoolExecutor(2) as pool:
        with opened(blank_png(2500, 2000)):
            second = pool.submit(enter, blank_png(2500, 2000))
            assert pool.submit(enter, blank_png(50, 50)).result(timeout=30)
            with pytest.raises(TimeoutError):
                second.result(timeout=0.3)
        assert second.result(timeout=30)


INTACT = [encoded(quarters(), kind) for kind in FORMATS]


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(INTACT), st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4))))
def test_damage_gives_a_picture_or_a_refusal_and_nothing_else(intact, wounds):
    data = bytearray(intact)
    for place, wound in wounds:
        start = int(place * len(data))
        data[start : start + len(wound)] = wound
    try:
        picture = read_image(bytes(data), 16)
    except UnreadableImage:
        return
    assert picture.shape == (16, 16, 3)


def test_array_images_come_in_the_order_asked_for():
    array = np.arange(5 * 2 * 2 * 3, dtype=np.uint8).reshape(5, 2, 2, 3)
    images = ArrayImages(array)
    assert images.shape == (5, 2, 2, 3)
    assert len(images) == 5
    taken = images.read(np.array([3, 0, 3]))
    assert (taken == array[[3, 0, 3]]).all()
    taken[:] = 0
    assert array[3].any()


def test_file_images_come_in_the_order_asked_for(tmp_path):
    paths = []
    for level in range(40):
        paths.append(tmp_path / f"{level}.png")
        Image.new("RGB", (10, 10), (level, 0, 0)).save(paths[-1])
    images = FileImages(paths, 8)
    assert images.shape == (40, 8, 8, 3)
    wanted = np.random.default_rng(0).permutation(40)[:30]
    assert (images.read(wanted)[:, 4, 4, 0] == wanted).all()
    assert images.read(np.array([], np.int64)).shape == (0, 8, 8, 3)
    paths[7].unlink()
    with pytest.raises(UnreadableImage, match=r"7\.png"):
        images.read(np.array([6, 7, 8]))
