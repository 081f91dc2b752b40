"""The one way a file becomes pixels: every kind of photo upright in RGB, every damaged one refused with a reason."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from lookalike.errors import UnusablePhoto
from lookalike.photos import images, measure, mend
from lookalike.photos.decode import Pool
from lookalike.project import kinds
from lookalike.project.records import InputSpec
from tests.conftest import Cli
from tests.support import draw

PHOTO = draw.photo("circles", 1, (60, 40))
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "BMP")


def _bytes(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _reason(data: bytes | Path) -> str:
    with pytest.raises(UnusablePhoto) as refusal:
        images.open_rgb(data)
    return refusal.value.reason


def _near(image: Image.Image, expected: Image.Image, tolerance: int = 40) -> bool:
    small = [np.asarray(each.resize((4, 4), Image.Resampling.BOX), dtype=int) for each in (image, expected)]
    return image.size == expected.size and int(np.abs(small[0] - small[1]).max()) <= tolerance


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_we_read_gives_the_same_picture_under_any_name(kind: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.txt").write_bytes(_bytes(PHOTO, kind))
    image = images.open_rgb(tmp_path / "wrong.txt")
    assert image.mode == "RGB"
    assert _near(image, PHOTO)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_photo_cut_anywhere_is_refused_and_never_half_grey(kind: str) -> None:
    whole = _bytes(PHOTO, kind)
    original = images.open_rgb(whole).tobytes()
    for part in range(1, 20):
        try:
            kept = images.open_rgb(whole[: len(whole) * part // 20]).tobytes()
        except UnusablePhoto:
            continue
        assert kept == original, f"cut at {part} of 20"


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (2, Image.Transpose.FLIP_LEFT_RIGHT), (3, Image.Transpose.ROTATE_180), (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE), (6, Image.Transpose.ROTATE_270), (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_90),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_orientation_is_applied_once(kind: str, orientation: int, turned: Image.Transpose) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = images.open_photo(_bytes(PHOTO, kind, exif=exif))
    expected = PHOTO.transpose(turned)
    assert _near(photo.image, expected)
    assert (photo.width, photo.height) == expected.size


def test_a_smaller_decoding_still_tells_the_upright_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = images.open_photo(_bytes(draw.photo("circles", 1, (1600, 1200)), "JPEG", exif=exif), at_least=256)
    assert (photo.width, photo.height) == (1200, 1600)
    assert photo.image.size == (300, 400)


def test_broken_metadata_does_not_cost_the_photo() -> None:
    data = _bytes(PHOTO, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xaa" * 40, icc_profile=b"nonsense")
    assert _near(images.open_rgb(data), PHOTO)


@pytest.mark.parametrize(("value", "grey"), [(0, 0), (65535, 255), (32896, 128), (257, 1)])
def test_deep_grey_is_scaled_not_clipped(value: int, grey: int) -> None:
    deep = Image.fromarray(np.full((8, 8), value, np.uint16))
    assert images.open_rgb(_bytes(deep, "PNG")).getpixel((0, 0)) == (grey, grey, grey)
    assert images.open_rgb(_bytes(deep, "TIFF")).getpixel((0, 0)) == (grey, grey, grey)


def shades() -> np.ndarray:
    """A smooth picture between 0 and 1, with both of them in it."""
    return np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_a_scan_of_any_depth_fills_the_range_from_black_to_white(bits: int, kind: str) -> None:
    deep = Image.fromarray((shades() * (2**bits - 1)).round().astype(np.uint16))
    grey = np.asarray(images.open_rgb(_bytes(deep, kind)))[..., 0]
    assert np.abs(grey - shades() * 255).max() <= 1


def opaque(values: np.ndarray, opacity: int) -> np.ndarray:
    """The same picture (height, width, colours) with a layer of opacity."""
    return np.dstack([values, np.full_like(values[..., :1], opacity)])


DEEP = {
    "PNG": draw.deep_png, "TIFF": draw.deep_tiff, "TIFF, big end first": lambda values: draw.deep_tiff(values, ">"),
    "PNG with opacity": lambda values: draw.deep_png(opaque(values, 65535)),
    "PNG with opacity of as many bits": lambda values: draw.deep_png(opaque(values, int(values.max()))),
}  # fmt: skip


@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_colour_of_any_depth_fills_the_range_from_black_to_white(bits: int, kind: str) -> None:
    colours = np.dstack([shades(), shades().T, shades()[::-1]])
    whole = (colours * (2**bits - 1)).round().astype(np.uint16)
    assert np.abs(np.asarray(images.open_rgb(DEEP[kind](whole))) - colours * 255).max() <= 1


def test_grey_of_ten_bits_with_opacity_is_not_black() -> None:
    scan = np.dstack([shades() * 1023, np.full((64, 64), 65535)]).astype(np.uint16)
    grey = np.asarray(images.open_rgb(draw.deep_png(scan)))
    assert np.abs(grey[..., 1] - shades() * 255).max() <= 1


def test_hot_pixels_do_not_make_a_colour_scan_black() -> None:
    scan = (np.dstack([shades()[:32]] * 3) * 4095).astype(np.uint16)
    scan[3, 3] = 65535
    assert np.asarray(images.open_rgb(draw.deep_png(scan))).mean() > 50


def test_a_tiff_that_would_be_read_as_noise_is_refused() -> None:
    colours = (np.dstack([shades()] * 3) * 65535).astype(np.uint16)
    with pytest.raises(UnusablePhoto, match="unsupported: a TIFF of 16 bits"):
        images.open_rgb(draw.deep_tiff(colours, planes=2))


def test_a_hot_pixel_does_not_make_a_scan_black() -> None:
    scan = (shades() * 4095).astype(np.uint16)
    scan[3, 3] = 65535
    assert np.asarray(images.open_rgb(_bytes(Image.fromarray(scan), "PNG"))).mean() > 100


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [(0, 255, np.int32), (0, 4095, np.int32), (-1024, 3071, np.int32), (0, 10**6, np.int32), (0, 1, np.float32),
     (-1, 1, np.float32), (0, 255, np.float32), (0, 3000, np.float32), (290, 310, np.float32)],
)  # fmt: skip
def test_whole_numbers_and_fractions_fill_the_range_from_black_to_white(low: float, high: float, kind: type) -> None:
    picture = Image.fromarray((low + shades() * (high - low)).astype(kind))
    grey = np.asarray(images.open_rgb(_bytes(picture, "TIFF")))[..., 0]
    assert np.abs(grey - shades() * 255).max() <= 1


def test_a_tiff_that_tells_its_range_is_believed() -> None:
    dark = Image.fromarray((shades() * 500).astype(np.uint16))
    entries = TiffImagePlugin.ImageFileDirectory_v2()
    entries[280], entries[281] = 0, 4095
    grey = np.asarray(images.open_rgb(_bytes(dark, "TIFF", tiffinfo=entries)))
    assert abs(int(grey.max()) - 31) <= 1


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_what_lies_beyond_the_range_that_a_tiff_tells_is_black_or_white(kind: type) -> None:
    values = (500 + shades() * 500).astype(kind)
    values[0, 0], values[0, 1] = 100, 1500
    entries = TiffImagePlugin.ImageFileDirectory_v2()
    entries[280], entries[281] = 500, 1000
    grey = np.asarray(images.open_rgb(_bytes(Image.fromarray(values), "TIFF", tiffinfo=entries)))[..., 0]
    assert (grey[0, 0], grey[0, 1]) == (0, 255)
    assert np.abs(grey[1:] - (shades() * 255)[1:]).max() <= 1


@pytest.mark.parametrize(
    ("first", "width", "kind"),
    [(29_300, 900, np.uint16), (30_000, 60, np.uint16), (70_000, 500, np.int32), (0, 0.001, np.float32)],
    ids=["heat", "a little heat", "beyond 16 bits", "depth in metres"],
)
def test_values_that_lie_close_together_fill_the_range_too(first: float, width: float, kind: type) -> None:
    values = (first + shades() * width).astype(kind)
    values[3, 3] = 0  # a dead pixel
    grey = np.asarray(images.open_rgb(_bytes(Image.fromarray(values), "TIFF")))[..., 0]
    assert np.abs(grey.astype(int) - shades() * 255)[4:].max() <= 5


def test_colours_of_16_bits_that_lie_close_together_fill_the_range_too() -> None:
    values = (30_000 + np.dstack([shades(), shades()[::-1], shades().T]) * 1000).astype(np.uint16)
    assert np.asarray(images.open_rgb(draw.deep_png(values))).std() > 60


def test_a_deep_tiff_whose_white_is_zero_is_no_negative() -> None:
    data = bytearray(_bytes(Image.fromarray((shades() * 65535).astype(np.uint16)), "TIFF"))
    place = data.index(struct.pack("<HHI", 262, 3, 1)) + 8
    data[place : place + 2] = struct.pack("<H", 0)
    grey = np.asarray(images.open_rgb(bytes(data)))[..., 0]
    assert grey[0, 0] == 255 and grey[-1, -1] == 0


@pytest.mark.parametrize("told", [True, False])
def test_whole_numbers_without_a_sign_are_read_as_such(told: bool) -> None:
    values = (shades().astype(np.float64) * (2**32 - 1)).astype(np.uint32).view(np.int32)
    data = bytearray(_bytes(Image.fromarray(values), "TIFF"))
    place = data.index(struct.pack("<HHI", 339, 3, 1)) + 8
    data[place : place + 2] = struct.pack("<H", 1)
    if not told:
        data[place - 8 : place - 6] = struct.pack("<H", 345)  # an entry that nobody knows
    grey = np.asarray(images.open_rgb(bytes(data)))[..., 0]
    assert np.abs(grey - shades() * 255).max() <= 1


@pytest.mark.parametrize("filler", [-9999.0, float(np.finfo(np.float32).min), -np.inf])
def test_what_stands_where_nothing_was_measured_makes_no_map_black_or_white(filler: float) -> None:
    values = (100 + shades() * 900).astype(np.float32)
    values[:3] = filler
    entries = TiffImagePlugin.ImageFileDirectory_v2()
    entries[42113] = "-9999"
    grey = np.asarray(images.open_rgb(_bytes(Image.fromarray(values), "TIFF", tiffinfo=entries)))[..., 0]
    assert grey[0, 0] == 0
    assert len(np.unique(grey)) > 100


def test_every_stage_sees_the_same_deep_scan(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    Image.fromarray((shades() * 1023).astype(np.uint16)).save(path)
    facts, _ = measure.measure(path)
    spec = InputSpec(64)
    assert facts.high - facts.low > 240
    assert np.array_equal(images.read(path, spec), measure.square((path, spec)))
    assert np.array_equal(images.read(path, spec), images.read(path.read_bytes(), spec))


@pytest.mark.parametrize("value", [0.5, 127.5])
def test_float_grey_is_taken_by_its_range(value: float) -> None:
    picture = np.full((8, 8), value, np.float32)
    picture[0, 0] = np.nan
    assert images.open_rgb(_bytes(Image.fromarray(picture), "TIFF")).getpixel((4, 4)) == (128, 128, 128)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_on_white(mode: str) -> None:
    if mode == "P":
        data = _bytes(Image.new("P", (8, 8), 5), "GIF", transparency=5)
    else:
        data = _bytes(Image.new(mode, (8, 8), (0, 0, 0, 0) if mode == "RGBA" else (0, 0)), "PNG")
    assert images.open_rgb(data).getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("opacity", [0, 1])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_a_photo_whose_opacity_was_never_filled_is_seen(kind: str, opacity: int) -> None:
    photo = PHOTO.copy()
    photo.putalpha(opacity)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    assert _near(images.open_rgb(_bytes(photo, kind, **options)), PHOTO)


def test_a_white_drawing_on_nothing_lies_on_black() -> None:
    logo = draw.white_logo()
    seen = np.asarray(images.open_rgb(_bytes(logo, "PNG")))
    assert np.array_equal(seen[..., 0], np.asarray(logo.getchannel("A")))
    assert np.ptp(seen, axis=2).max() == 0
    dotted = np.asarray(images.open_rgb(_bytes(draw.dotted(draw.white_logo((300, 200))), "PNG")))
    assert dotted[0, 0].tolist() == [0, 0, 0] and dotted.min(2).max() == 255
    half = draw.white_logo((300, 200))
    half.paste((30, 90, 40), (20, 20, 60, 200), half.getchannel("A").crop((20, 20, 60, 200)))
    assert np.asarray(images.open_rgb(_bytes(half, "PNG")))[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["CMYK", "L", "1", "YCbCr"])
def test_other_colour_models_become_rgb(mode: str) -> None:
    kind = "PNG" if mode == "1" else "JPEG"
    assert _near(images.open_rgb(_bytes(PHOTO.convert(mode), kind)), PHOTO.convert(mode).convert("RGB"))


def test_colours_of_a_press_become_rgb() -> None:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.applyTransform(PHOTO, ImageCms.buildTransform(*profiles, "RGB", "LAB"))
    assert lab is not None
    assert _near(images.open_rgb(_bytes(lab, "TIFF")), PHOTO)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "TIFF", "MPO"])
def test_of_several_frames_the_first_counts(kind: str) -> None:
    more = [Image.new("RGB", PHOTO.size, "red")]
    photo = images.open_photo(_bytes(PHOTO, kind, save_all=True, append_images=more))
    assert _near(photo.image, PHOTO)
    assert photo.animated == (kind not in ("TIFF", "MPO"))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"<!DOCTYPE html><html>", "HTML"), (b"\xef\xbb\xbf  <svg xmlns='x'>", "SVG"), (b"%PDF-1.7", "PDF"),
        (b'{"error": 404}', "JSON"), (b"PK\x03\x04 and more", "ZIP"),
        (b"\0\0\0\x18ftypisom", "MP4"), (b"8BPS\0\x01", "PSD"), (b"%!PS-Adobe-3.0 EPSF", "EPS"),
    ],
)  # fmt: skip
def test_what_is_no_photo_is_named(data: bytes, name: str) -> None:
    with pytest.raises(UnusablePhoto, match=name) as refusal:
        images.open_rgb(data + b"\0" * 50)
    assert refusal.value.reason == "not-an-image"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"), (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "HEIC"),
        (b"\0\0\0\x18ftypheic\0\0\0\0heicavif", "HEIC"), (b"\0\0\0\x10ftypmif1\0\0\0\0avif", "HEIC"),
        (b"BMW and other cars.jpg", ""), (b"BM" + bytes(12) + b"\x28" + bytes(40), "BMP"),
    ],
)  # fmt: skip
def test_a_kind_is_told_by_all_that_says_it(head: bytes, kind: str) -> None:
    assert kinds.sniff(head) == kind


def test_an_avif_in_a_general_container_is_read() -> None:
    data = bytearray(_bytes(PHOTO, "AVIF"))
    data[8:12] = b"mif1"  # as some writers name it; avif then stands among the compatible brands
    assert b"avif" in data[16:40]
    assert _near(images.open_rgb(bytes(data)), PHOTO)


def test_heic_without_its_package_is_unsupported_and_says_how_to_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "reads_heic", lambda: False)
    with pytest.raises(UnusablePhoto) as refusal:
        images.open_rgb(b"\0\0\0\x18ftypheic" + bytes(200))
    assert refusal.value.reason == "unsupported"
    assert 'pip install "lookalike[heic]"' in refusal.value.detail


def test_heic_is_read_where_its_package_is_installed(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    (tmp_path / "phone.heic").write_bytes(_bytes(PHOTO, "HEIF"))
    photo = images.open_photo(tmp_path / "phone.heic")
    assert _near(photo.image, PHOTO) and photo.format == "HEIF"
    assert images.size(tmp_path / "phone.heic") == PHOTO.size


@pytest.mark.parametrize("kind", FORMATS)
def test_no_message_shows_an_object_of_the_program(kind: str, tmp_path: Path) -> None:
    whole = _bytes(PHOTO, kind)
    for data in [whole[:length] for length in range(1, len(whole), max(1, len(whole) // 40))] + [
        whole[:30] + b"x" * 99
    ]:
        (tmp_path / "photo").write_bytes(data)
        for source in (data, tmp_path / "photo"):
            with contextlib.suppress(UnusablePhoto):
                images.open_rgb(source)
                continue
            with pytest.raises(UnusablePhoto) as refusal:
                images.open_rgb(source)
            assert "<" not in refusal.value.detail and "0x" not in refusal.value.detail


@pytest.mark.parametrize("kind", ["ICO", "PPM", "TGA", "PCX", "EPS", "SGI", "DDS"])
def test_formats_outside_the_list_are_never_decoded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = _bytes(PHOTO, kind)
    monkeypatch.setattr("subprocess.Popen", None)  # no helper program, such as a PostScript interpreter
    assert _reason(data) == "not-an-image"


def _double(tmp_path: Path) -> bytes:
    """A grey TIFF of double precision, as numerical programs write it by default."""
    data = bytearray(_bytes(Image.fromarray(shades()), "TIFF"))
    place = data.index(struct.pack("<HHI", 258, 3, 1)) + 8
    data[place : place + 2] = struct.pack("<H", 64)
    return bytes(data)


def test_photos_of_kinds_that_are_not_read_stay_and_are_named(cli: Cli, tmp_path: Path) -> None:
    tall = _bytes(PHOTO, "JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c")
    unread = {
        "deep.jpg": tall, "double.tif": _double(tmp_path), "new.jxl": b"\xff\x0a" + bytes(90),
        "old.jp2": _bytes(PHOTO, "JPEG2000"), "camera.cr2": b"II*\0\x10\0\0\0CR\2\0" + bytes(90),
        "camera.cr3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(90),
    }  # fmt: skip
    draw.folder(Path("images"), {"circles": 4, "stripes": 4})
    for name, data in unread.items():
        assert _reason(data) == "unsupported"
        (Path("images") / "circles" / name).write_bytes(data)
    result = cli("clean", "--yes", "--json", "--suspects", 0).data
    assert result["aside"] == []
    named = {Path(row["file"]).name: row["reason"] for row in [*result["skipped"], *result["notes"]]}
    assert {name: named.get(name) for name in unread} == dict.fromkeys(unread, "unsupported")
    assert all((Path("images") / "circles" / name).exists() for name in unread)


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "empty"), (b"\xff", "not-an-image"), (b"\xff\xd8\xff", "unreadable")]
)
def test_next_to_nothing_is_refused(data: bytes, reason: str) -> None:
    assert _reason(data) == reason


def _png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds one row."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 3000)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(10_000, 5_001), (100_000, 100_000), (2**31 - 1, 1)])
def test_a_pixel_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    assert _reason(_png(*size)) == "too-large"


def test_a_bomb_in_the_second_frame_does_not_cost_the_first() -> None:
    data = bytearray(_bytes(PHOTO, "GIF", save_all=True, append_images=[Image.new("RGB", PHOTO.size, "red")]))
    second = data.rindex(b"\x2c")
    data[second + 5 : second + 9] = struct.pack("<HH", 65535, 65535)
    assert _near(images.open_rgb(bytes(data)), PHOTO)


def test_a_decompression_warning_is_never_left_to_the_user() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened = images.open_rgb(_bytes(Image.new("L", (7000, 7000)), "PNG", compress_level=1))
    assert opened.size == (7000, 7000)


def test_files_that_are_gone_or_no_files_have_their_reasons(tmp_path: Path) -> None:
    assert _reason(tmp_path / "none.jpg") == "missing"
    assert _reason(tmp_path) == "not-a-file"


def test_a_silently_damaged_jpeg_is_noticed() -> None:
    whole = bytearray(_bytes(draw.photo("circles", 3, (320, 240)), "JPEG", quality=90))
    assert measure.jpeg_warning(bytes(whole)) == ""
    middle = len(whole) // 2
    whole[middle : middle + 2] = b"\xff\xd9"  # an end marker: the lower half is made up
    images.open_rgb(bytes(whole))  # Pillow says nothing
    assert "Corrupt JPEG" in measure.jpeg_warning(bytes(whole))


WHOLE = draw.jpeg("circles", 99)
ENDLESS = WHOLE[:-2]
TITLED = draw.png_with(b"tEXtTitle\0bees", seed=99)
AROUND = {
    "a JPEG without its end": (ENDLESS, WHOLE),
    "a JPEG without its last byte": (WHOLE[:-1], WHOLE),
    "a JPEG with zeros for its end": (ENDLESS + bytes(4096), WHOLE),
    "a wrong checksum of a text": (draw.png_with(b"tEXtTitle\0bees", 1, seed=99), TITLED),
    "a wrong checksum of what is unknown": (draw.png_with(b"vpAg\0\0\0\1", 1, seed=99), TITLED),
    "two megabytes of text": (draw.png_with(b"zTXtprompt\0\0" + zlib.compress(bytes(2_000_000)), seed=99), TITLED),
}


@pytest.mark.parametrize("what", AROUND)
def test_what_is_wrong_around_a_picture_does_not_cost_the_photo(cli: Cli, tmp_path: Path, what: str) -> None:
    data, sound = AROUND[what]
    assert images.open_rgb(data).tobytes() == images.open_rgb(sound).tobytes()
    file = draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6}) / "circles" / "odd.jpg"
    file.write_bytes(data)
    assert images.size(file) == (160, 120)
    aside = cli("clean", "--json", "--suspects", 0).data["aside"]
    assert [item["reason"] for item in aside if item["file"] == "circles/odd.jpg"] == []


def _in_scans(progressive: bool = False) -> bytes:
    """A photo whose last part would be missed without an end."""
    whole = _bytes(draw.photo("circles", 1), "JPEG", progressive=progressive, quality=90)
    return whole[: whole.rindex(b"\xff\xda") if progressive else -60]


def _restarted() -> bytes:
    """A photo cut off where the decoder begins anew."""
    whole = _bytes(draw.photo("circles", 1), "JPEG", restart_marker_blocks=4)
    return whole[: whole.rindex(b"\xff\xd3")]


@pytest.mark.parametrize(
    "data",
    [
        *(WHOLE[:-cut] for cut in range(3, 60, 4)), _restarted(), _in_scans(), _in_scans() + bytes(4096),
        _in_scans(progressive=True), ENDLESS[:-20],
        draw.png_with(b"ABCD1234", 1), draw.png_with(b"IDAT1234", 1), draw.png_with(b"tEXtTitle\0bees", 1)[:-900],
    ],
)  # fmt: skip
def test_a_picture_of_which_something_is_missing_is_no_whole_one(data: bytes) -> None:
    assert mend.mended(data) is None or _reason(data) in ("truncated", "unreadable")
    assert _reason(data) in ("truncated", "unreadable") if b"\0" * 4096 not in data else measure.jpeg_warning(data)


def test_padding_before_the_end_of_a_jpeg_is_no_damage() -> None:
    whole = _bytes(PHOTO, "JPEG")
    assert measure.jpeg_warning(whole[:-2] + b"\0" * 9 + whole[-2:]) == ""


def test_random_bytes_behind_every_signature_end_in_a_reason(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    paths = []
    for number in range(200):
        kind = FORMATS[number % len(FORMATS)]
        data = bytearray(_bytes(PHOTO, kind))
        for place in random.integers(4, len(data), 12):
            data[place] = int(random.integers(0, 256))
        paths.append(tmp_path / f"{number}.{kind}")
        paths[-1].write_bytes(bytes(data))
    with Pool(2) as pool:
        answers = [answer for _, answer in pool.map("lookalike.photos.images:open_rgb", paths)]
    reasons = {answer.reason for answer in answers if isinstance(answer, UnusablePhoto)}
    assert len(answers) == 200
    assert reasons <= {"unreadable", "truncated", "too-large", "not-an-image", "unsupported"}
