"""Drawn sets whose photos look alike and are no copies of each other: one function of a random generator for each kind.

What such sets have in common with real ones: aligned faces, one frame around all, one background, a drawn lattice,
large empty areas, a label that is a small change of one scene. Each photo has its own subject; no two are the same.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from tests.support import signs

Rng = random.Random
Colour = tuple[int, int, int]


def colour(rng: Rng, low: int = 20, high: int = 236) -> Colour:
    """Any colour between the two."""
    return rng.randrange(low, high), rng.randrange(low, high), rng.randrange(low, high)


def soft(rng: Rng, size: tuple[int, int], cells: int, low: int = 20, high: int = 236) -> Image.Image:
    """A smooth field of colours, `cells` of them across."""
    small = Image.new("RGB", (cells, cells))
    small.putdata([colour(rng, low, high) for _ in range(cells * cells)])
    return small.resize(size, Image.Resampling.BICUBIC)


def grain(rng: Rng, image: Image.Image, strength: int) -> Image.Image:
    """The same with a camera's noise."""
    noise = np.random.default_rng(rng.randrange(1 << 30)).normal(0, strength, (*image.size[::-1], 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def scene(rng: Rng, size: tuple[int, int] = (240, 180)) -> Image.Image:
    """A varied photo: things of many shapes before a soft ground."""
    image = soft(rng, size, rng.randrange(3, 8))
    pen = ImageDraw.Draw(image)
    for _ in range(rng.randrange(6, 16)):
        x, y, w, h = rng.randrange(size[0]), rng.randrange(size[1]), rng.randrange(8, 90), rng.randrange(8, 70)
        kind = rng.choice((pen.ellipse, pen.rectangle))
        kind((x - w // 2, y - h // 2, x + w // 2, y + h // 2), fill=colour(rng))
    return grain(rng, image.filter(ImageFilter.GaussianBlur(0.8)), 4)


def face(rng: Rng) -> Image.Image:
    """A head in the middle of the picture, eyes and mouth at the same places in all."""
    image = soft(rng, (128, 128), 3, 90, 200)
    pen, skin = ImageDraw.Draw(image), (rng.randrange(120, 240), rng.randrange(90, 190), rng.randrange(70, 160))
    hair = colour(rng, 10, 120)
    pen.ellipse((22, 6 - rng.randrange(6), 106, 100), fill=hair)
    pen.ellipse(
        (30 + rng.randrange(3), 18 + rng.randrange(10), 98 - rng.randrange(3), 122 + rng.randrange(6)), fill=skin
    )
    for x in (48, 80):
        wide, high = rng.randrange(6, 10), rng.randrange(3, 6)
        pen.ellipse((x - wide, 56 - high, x + wide, 56 + high), fill="white")
        pen.ellipse((x - 3, 53, x + 3, 59), fill=colour(rng, 10, 110))
        pen.line((x - 10, 46 - rng.randrange(4), x + 10, 46 - rng.randrange(4)), fill=hair, width=rng.randrange(1, 5))
    pen.polygon(
        [(64, 60), (64 - rng.randrange(3, 9), 78), (64 + rng.randrange(3, 9), 78)], fill=tuple(v - 20 for v in skin)
    )
    pen.ellipse(
        (64 - rng.randrange(10, 18), 88, 64 + rng.randrange(10, 18), 90 + rng.randrange(3, 12)), fill=(160, 50, 50)
    )
    return grain(rng, image.filter(ImageFilter.GaussianBlur(1)), 5)


def stamp(rng: Rng) -> Image.Image:
    """A small picture in the same perforated frame, with its value in the corner."""
    image = Image.new("RGB", (132, 160), (60, 60, 60))
    pen = ImageDraw.Draw(image)
    pen.rectangle((8, 8, 123, 151), fill=(244, 238, 220))
    for x in range(8, 124, 8):
        for y in (8, 151):
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=(60, 60, 60))
    for y in range(8, 152, 8):
        for x in (8, 123):
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=(60, 60, 60))
    image.paste(scene(rng, (92, 92)).convert("L").convert("RGB"), (20, 22))
    pen.rectangle((20, 22, 111, 113), outline=(120, 30, 30), width=2)
    pen.text((26, 126), "POSTAGE", fill=(120, 30, 30))
    pen.text((88, 126), f"{rng.randrange(1, 99)}c", fill=(120, 30, 30))
    return grain(rng, image, 2)


def hand(rng: Rng) -> Image.Image:
    """A hand that makes a sign, before one and the same wall, at about the same place."""
    wall = Rng(77)
    image = soft(wall, (160, 160), 4, 130, 210)
    pen, skin = ImageDraw.Draw(image), (206, 158, 128)
    dx, dy = rng.randrange(-5, 6), rng.randrange(-5, 6)
    pen.ellipse((52 + dx, 80 + dy, 108 + dx, 140 + dy), fill=skin)
    pen.rectangle((66 + dx, 130 + dy, 94 + dx, 160), fill=skin)
    for finger in range(5):
        angle = math.radians(200 + 32 * finger + rng.uniform(-9, 9))
        length = rng.choice((18, 34, 56)) + rng.randrange(6)
        start = (80 + dx + 24 * math.cos(angle), 108 + dy + 24 * math.sin(angle))
        end = (start[0] + length * math.cos(angle), start[1] + length * math.sin(angle))
        pen.line((start, end), fill=skin, width=rng.randrange(11, 15))
        pen.line((start, end), fill=(150, 105, 85), width=1)
    return grain(rng, image.filter(ImageFilter.GaussianBlur(0.9)), 4)


def horizon(rng: Rng) -> Image.Image:
    """Sky above, sea below, and nothing else."""
    size, line = (240, 160), rng.randrange(70, 90)
    high, low, sea = colour(rng, 90, 210), colour(rng, 150, 255), colour(rng, 20, 110)
    rows = np.empty((size[1], 1, 3))
    rows[:line, 0] = np.linspace(high, low, line)
    rows[line:, 0] = np.linspace(sea, [v // 2 for v in sea], size[1] - line)
    return grain(rng, Image.fromarray(np.repeat(rows, size[0], 1).astype(np.uint8)), 2)


def sky(rng: Rng) -> Image.Image:
    """Soft clouds."""
    clouds = np.asarray(soft(rng, (240, 160), 4, 60, 200).convert("L"), dtype=np.float32)[..., None] / 255
    return grain(rng, Image.fromarray((clouds * 120 + np.array((90, 120, 135))).clip(0, 255).astype(np.uint8)), 2)


def silhouette(rng: Rng) -> Image.Image:
    """A black figure in the middle of a white picture."""
    image = Image.new("RGB", (128, 128), "white")
    radii = [44 + rng.uniform(-12, 12) for _ in range(24)]
    points = [(64 + r * math.cos(i * math.pi / 12), 64 + r * math.sin(i * math.pi / 12)) for i, r in enumerate(radii)]
    ImageDraw.Draw(image).polygon(points, fill="black")
    return image.filter(ImageFilter.GaussianBlur(0.8))


def barred(rng: Rng) -> Image.Image:
    """A room between two white bars, as films and sellers of houses have them."""
    page = Image.new("RGB", (240, 180), "white")
    tone = rng.randrange(60, 90)
    room = soft(rng, (240, 128), 4, tone - 30, tone + 30)
    pen = ImageDraw.Draw(room)
    for _ in range(9):
        x, y = rng.randrange(200), rng.randrange(100)
        pen.rectangle(
            (x, y, x + rng.randrange(15, 70), y + rng.randrange(12, 50)), fill=colour(rng, tone - 40, tone + 40)
        )
    page.paste(room.filter(ImageFilter.GaussianBlur(1)), (0, 26))
    ImageDraw.Draw(page).text((160, 160), "EXAMPLE HOMES", fill="black")
    return page


def scan(rng: Rng) -> Image.Image:
    """A slice of a body: a grey textured disc on black."""
    texture = Image.new("L", (40, 40))
    texture.putdata([rng.randrange(30, 210) for _ in range(1600)])
    image, mask = Image.new("L", (160, 160), 2), Image.new("L", (160, 160), 0)
    wide, high = rng.randrange(56, 68), rng.randrange(64, 76)
    ImageDraw.Draw(mask).ellipse((80 - wide, 80 - high, 80 + wide, 80 + high), fill=255)
    image.paste(texture.resize((160, 160), Image.Resampling.BICUBIC), mask=mask)
    ImageDraw.Draw(image).ellipse((80 - wide, 80 - high, 80 + wide, 80 + high), outline=220, width=4)
    return image.filter(ImageFilter.GaussianBlur(0.8)).convert("RGB")


def page(rng: Rng) -> Image.Image:
    """A form: the same head and lines, other words."""
    image = Image.new("RGB", (170, 220), (250, 250, 246))
    pen = ImageDraw.Draw(image)
    pen.rectangle((12, 12, 60, 30), fill=(20, 60, 120))
    pen.text((70, 14), "DELIVERY NOTE", fill="black")
    for line in range(44, 200, 12):
        pen.line((12, line + 10, 158, line + 10), fill=(200, 200, 200))
        pen.text(
            (14, line),
            "".join(rng.choice("abcdefghij klmn opqr stuvwxyz") for _ in range(rng.randrange(8, 23))),
            fill=(30, 30, 30),
        )
    return image


def ticket(rng: Rng, number: int | None = None) -> Image.Image:
    """One form of ticket, with other places and another number."""
    image = Image.new("RGB", (260, 140), (250, 240, 200))
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=15)
    pen.rectangle((4, 4, 255, 135), outline=(150, 30, 30), width=3)
    pen.rectangle((4, 4, 255, 30), fill=(150, 30, 30))
    pen.text((12, 8), "CITY TRAM  ADMIT ONE", fill="white", font=font)
    for line, word in enumerate(("FROM", "TO")):
        place = "".join(rng.choices("ABCDEFGHKLMNO", k=8))
        pen.text((12, 45 + 25 * line), f"{word} {place}", fill="black", font=font)
    pen.text((12, 100), f"No {number or rng.randrange(100_000, 999_999)}", fill="black", font=font)
    return image


def trap(rng: Rng) -> Image.Image:
    """One place in the wood, seen by a fixed camera: each time another animal, elsewhere, in other light."""
    image = scene(Rng(5), (240, 180))
    pen, fur = ImageDraw.Draw(image), colour(rng, 20, 120)
    x, y, w, h = rng.randrange(30, 210), rng.randrange(60, 150), rng.randrange(14, 40), rng.randrange(10, 26)
    pen.ellipse((x - w, y - h, x + w, y + h), fill=fur)
    pen.ellipse((x + w - 8, y - h - 8, x + w + 12, y - h + 10), fill=fur)
    for leg in (-0.7, -0.3, 0.3, 0.7):
        pen.line((x + leg * w, y, x + leg * w + rng.randrange(-5, 6), y + h + 12), fill=fur, width=4)
    light = rng.uniform(0.8, 1.15)
    return grain(rng, image.point(lambda v: int(v * light)), 4)


def board(rng: Rng) -> Image.Image:
    """A chess board with pieces."""
    image = Image.new("RGB", (160, 160), (240, 217, 181))
    pen = ImageDraw.Draw(image)
    for square in range(64):
        x, y = square % 8 * 20, square // 8 * 20
        if (square + square // 8) % 2:
            pen.rectangle((x, y, x + 19, y + 19), fill=(181, 136, 99))
        if rng.random() < 0.3:
            side, edge = rng.choice((("white", "black"), ("black", "white")))
            rng.choice((pen.ellipse, pen.rectangle))((x + 5, y + 4, x + 14, y + 15), fill=side, outline=edge)
    return image


def stroke(rng: Rng, label: int) -> Image.Image:
    """Handwriting: one of ten closed figures, every point, width and slant its own; white on black."""
    base = Rng(f"figure {label}")
    points = [(base.uniform(0.2, 0.8), base.uniform(0.12, 0.88)) for _ in range(5)]
    points = [((x + rng.gauss(0, 0.045)) * 64, (y + rng.gauss(0, 0.045)) * 64) for x, y in points]
    image = Image.new("L", (64, 64), 0)
    ImageDraw.Draw(image).line(points, fill=255, width=rng.randint(5, 9), joint="curve")
    return image.rotate(rng.uniform(-12, 12)).filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 1.6))).convert("RGB")


KINDS: dict[str, Callable[[Rng], Image.Image]] = {
    made.__name__: made
    for made in (face, stamp, hand, horizon, sky, silhouette, barred, scan, page, ticket, trap, board, *signs.KINDS)
}  # fmt: skip


def folder(root: Path, kind: str, count: int, labels: int = 4) -> Path:
    """A folder of label folders with `count` photos of one of KINDS, of `scene` or of `stroke`, no two the same (of a
    `card` there are 160, of a `shape` 144)."""
    rng, drawn = Rng(f"{kind} {count}"), set[bytes]()
    while (number := len(drawn)) < count:
        label = number % labels
        made = stroke(rng, label) if kind == "stroke" else scene(rng) if kind == "scene" else KINDS[kind](rng)
        if made.tobytes() in drawn:
            continue
        drawn.add(made.tobytes())
        ending = "png" if kind == "stroke" or made.width < 100 else "jpg"
        path = root / f"label{label}" / f"{number:05}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        made.save(path, quality=92)
    return root
