"""Small flat drawings of few colours, from small stocks of forms and places, one function each."""

from __future__ import annotations

import random

from PIL import Image, ImageDraw


def icon(rng: random.Random) -> Image.Image:
    """A few flat forms on white, from a small stock of forms, places and colours."""
    image = Image.new("RGB", (72, 72), "white")
    pen, ink = ImageDraw.Draw(image), [(230, 90, 60), (60, 130, 220), (250, 200, 60), (90, 170, 90), (70, 70, 80)]
    pen.ellipse((6, 6, 66, 66), fill=rng.choice(ink))
    for _ in range(rng.randrange(2, 5)):
        x, y, r = rng.randrange(18, 54, 6), rng.randrange(18, 54, 6), rng.choice((5, 8, 12))
        rng.choice((pen.ellipse, pen.rectangle))((x - r, y - r, x + r, y + r), fill=rng.choice([*ink, (255, 255, 255)]))
    return image.resize((64, 64), Image.Resampling.LANCZOS)


def smile(rng: random.Random) -> Image.Image:
    """A round yellow, red or green face: four sizes of eyes, five mouths, brows or none."""
    image = Image.new("RGB", (64, 64), "white")
    pen, ink, eye = ImageDraw.Draw(image), (70, 40, 10), rng.randrange(2, 6)
    pen.ellipse((2, 2, 61, 61), fill=rng.choice([(250, 200, 60), (250, 150, 100), (150, 200, 100)]))
    lift, mouth = rng.randrange(4), rng.randrange(5)
    for x in (22, 41):
        pen.ellipse((x - eye, 25 - eye, x + eye, 25 + eye), fill=ink)
        pen.line((x - 5, 18 - 2 * lift, x + 5, 18), fill=ink, width=min(lift, 2))
    if mouth < 4:
        pen.arc((19, 32 - 3 * mouth, 45, 48 + 2 * mouth), 20, 160, fill=ink, width=3)
    else:
        pen.ellipse((27, 39, 37, 50), fill=ink)
    return image


def card(rng: random.Random) -> Image.Image:
    """A small playing card: other pips of the same kinds at the same places."""
    image, suit = Image.new("RGB", (45, 64), "white"), rng.randrange(4)
    pen, ink = ImageDraw.Draw(image), ((200, 0, 0), (20, 20, 20))[suit % 2]
    pen.rounded_rectangle((1, 1, 43, 62), 5, outline="black")
    pen.text((3, 1), rng.choice("3689"), fill=ink)
    for pip in range(rng.randrange(1, 11)):
        x, y, r = 14 + 18 * (pip % 2), 14 + 8 * (pip // 2), 3
        (pen.ellipse if suit < 2 else pen.rectangle)((x - r, y - r, x + r, y + r), fill=ink)
    return image


def shape(rng: random.Random) -> Image.Image:
    """One plain disc or triangle on white, at one of few places. Some inks are as bright as a grey among them."""
    image, (x, y) = Image.new("RGB", (160, 160), "white"), (rng.choice((60, 80)), rng.choice((60, 80)))
    pen, r = ImageDraw.Draw(image), rng.choice((24, 30, 36))
    ink = rng.choice([(60, 60, 60), (20, 90, 10), (120, 120, 120), (200, 94, 40), (70, 90, 220), (170, 30, 60)])
    if rng.random() < 0.5:
        pen.ellipse((x - r, y - r, x + r, y + r), fill=ink)
    else:
        pen.polygon([(x - r, y - r), (x + r, y - r), (x + r, y + r)], fill=ink)
    return image


def flag(rng: random.Random) -> Image.Image:
    """Three bands, standing or lying, some with a sign."""
    inks = [(200, 16, 46), (255, 255, 255), (0, 56, 147), (0, 122, 61), (255, 205, 0), (0, 0, 0), (0, 160, 210)]
    image, chosen = Image.new("RGB", (96, 64)), [rng.choice(inks) for _ in range(3)]
    pen = ImageDraw.Draw(image)
    for band, ink in enumerate(chosen):
        pen.rectangle((0, band * 21, 96, 64) if rng.random() < 0.5 else (band * 32, 0, 96, 64), fill=ink)
    if rng.random() < 0.5:
        x, r = rng.choice((24, 48)), rng.randrange(6, 16)
        pen.regular_polygon((x, 32, r), rng.randrange(3, 8), rotation=rng.randrange(360), fill=rng.choice(inks))
    return image


KINDS = (icon, smile, card, shape, flag)
