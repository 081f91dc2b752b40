"""Faces and people, measured on real photos: LOOKALIKE_BENCH_DATA names the folder with `athletes` and `strangers`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.errors import UnusablePhoto
from lookalike.net import weights
from lookalike.photos import align, faces, images
from tests.support import portraits

DATA = Path(os.environ.get("LOOKALIKE_BENCH_DATA", "data"))


def main() -> None:
    """Print what was measured; nothing without photos or networks."""
    if not (portraits.HERE and (DATA / "athletes").is_dir()):
        print("the networks for faces or the photos are not here (LOOKALIKE_BENCH_DATA)")
        return
    portraits.find_faces()
    _beside_opencv()


def _photos(name: str) -> Iterator[tuple[Path, Image.Image]]:
    for path in sorted((DATA / name).glob("*/*")):
        try:
            yield path, images.open_rgb(path)
        except UnusablePhoto:
            continue


def _beside_opencv() -> None:
    """The same pixels to OpenCV's FaceDetectorYN and alignCrop, and to ours."""
    import cv2

    finder, sface = weights.find("yunet"), weights.find("sface")
    theirs = cv2.FaceDetectorYN.create(str(finder), "", (320, 320), faces.SURE, faces.OVERLAP, faces.MOST)
    cutter = cv2.FaceRecognizerSF.create(str(sface), "")
    found = differing = 0
    apart, level, ours_took, theirs_took = 0.0, 0, 0.0, 0.0
    for _, photo in _photos("athletes"):
        photo.thumbnail((faces.SIDE, faces.SIDE), Image.Resampling.BILINEAR)
        pixels = np.asarray(photo)
        blue = np.ascontiguousarray(pixels[..., ::-1])
        theirs.setInputSize(photo.size)
        started = time.perf_counter()
        rows = theirs.detect(blue)[1]
        between = time.perf_counter()
        seen = faces.look(pixels)
        ours_took, theirs_took = ours_took + time.perf_counter() - between, theirs_took + between - started
        rows = [] if rows is None else rows
        found += len(seen)
        differing += len(seen) != len(rows)
        for face, row in zip(seen, rows, strict=False):
            box = [face.left, face.top, face.right - face.left, face.bottom - face.top]
            apart = max(apart, float(np.abs([*box, *np.ravel(face.landmarks)] - row[:14]).max()))
            if align.similarity(face.landmarks)[0] > 0.5:  # larger faces are halved first, which OpenCV does not do
                cut = cutter.alignCrop(blue, row)[..., ::-1].astype(int)
                level = max(level, int(np.abs(cut - align.aligned(photo, face.landmarks)).max()))
    print(f"beside OpenCV {cv2.__version__}: {found} faces, {differing} photos with another number of them,")
    print(f"  boxes and landmarks within {apart:.1e} px, aligned pixels within {level} grey levels;")
    print(f"  {1000 * ours_took / max(found, 1):.1f} ms a face found, OpenCV {1000 * theirs_took / max(found, 1):.1f}")
