"""YuNet and alignment beside OpenCV's, on the same pixels."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.errors import UnusablePhoto
from lookalike.net import weights
from lookalike.photos import align, faces, images


def _photos(own: Path) -> Iterator[tuple[Path, Image.Image]]:
    for path in sorted(own.glob("*/*")):
        try:
            yield path, images.open_rgb(path)
        except UnusablePhoto:
            continue


def main(own: Path) -> None:
    """Print how far apart FaceDetectorYN and alignCrop are from ours."""
    try:
        import cv2
    except ImportError:
        print("OpenCV is not here to be compared with")
        return
    finder, sface = weights.find("yunet"), weights.find("sface")
    theirs = cv2.FaceDetectorYN.create(str(finder), "", (320, 320), faces.SURE, faces.OVERLAP, faces.MOST)
    cutter = cv2.FaceRecognizerSF.create(str(sface), "")
    found = differing = 0
    apart, level, ours_took, theirs_took = 0.0, 0, 0.0, 0.0
    for _, photo in _photos(own):
        photo.thumbnail((faces.SIDE, faces.SIDE), Image.Resampling.BILINEAR)
        pixels = np.asarray(photo)
        blue = np.ascontiguousarray(pixels[..., ::-1])
        theirs.setInputSize(photo.size)
        started = time.perf_counter()
        rows = theirs.detect(blue)[1]
        between = time.perf_counter()
        seen = faces.detect(pixels)
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
