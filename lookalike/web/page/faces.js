// The faces of a photo with their landmarks, found as lookalike/photos/faces.py finds them (YuNet: three grids of cells,
// each with how sure it is of a face, where that lies and where its landmarks are), and a face brought to where networks
// that know people want it, as in lookalike/photos/align.py.
import { region, square } from './pixels.js';

const [SIDE, SURE, OVERLAP, ROOM, STEP, MOST, CROWD] = [640, 0.6, 0.3, 1.3, 32, 5000, 64];
const ALIGNED = 112;
const TEMPLATE = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]];

// A function from a photo to the box that counts: a square around the largest face, or without one the whole photo.
export function mainFace(find) {
  return async (bitmap) => {
    const { width, height } = bitmap;
    const faces = await find(bitmap);
    if (!faces.length) return { left: 0, top: 0, width, height };
    return around(faces.reduce((a, b) => (area(b) > area(a) ? b : a)), width, height);
  };
}

function around(face, width, height) {
  const side = Math.min(ROOM * Math.max(face.right - face.left, face.bottom - face.top), width, height);
  const left = Math.min(Math.max(0, (face.left + face.right - side) / 2), width - side);
  const top = Math.min(Math.max(0, (face.top + face.bottom - side) / 2), height - side);
  const [x, y] = [even(left), even(top)];
  return { left: x, top: y, width: even(left + side) - x, height: even(top + side) - y };
}

// A function from a photo to its faces, largest first.
export function faceFinder(ort, session) {
  return async (bitmap) => {
    const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
    const [width, height] = [bitmap.width, bitmap.height].map((length) => Math.max(1, even(length * scale)));
    const box = { left: 0, top: 0, width: bitmap.width, height: bitmap.height };
    const pixels = square(bitmap, box, width, height);
    const [across, down] = [width, height].map((length) => Math.ceil(length / STEP) * STEP);
    const planes = new Float32Array(3 * across * down);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < 3; c++) planes[(2 - c) * across * down + y * across + x] = pixels[(y * width + x) * 3 + c];
      }
    }
    const maps = await session.run({ input: new ort.Tensor('float32', planes, [1, 3, down, across]) });
    const found = [8, 16, 32].flatMap((stride) => cells(maps, stride, across / stride));
    const faces = distinct(found).map((face) => scaled(face, bitmap.width / width, bitmap.height / height));
    return faces.sort((a, b) => area(b) - area(a)).slice(0, CROWD);
  };
}

function cells(maps, stride, columns) {
  const [sure, there, boxes, points] = ['cls', 'obj', 'bbox', 'kps'].map((kind) => maps[`${kind}_${stride}`].data);
  const found = [];
  for (let cell = 0; cell < sure.length; cell++) {
    const score = Math.sqrt(Math.min(Math.max(sure[cell], 0), 1) * Math.min(Math.max(there[cell], 0), 1));
    if (score < SURE) continue;
    const [row, column] = [Math.floor(cell / columns), cell % columns];
    const [x, y] = [(column + boxes[cell * 4]) * stride, (row + boxes[cell * 4 + 1]) * stride];
    const [width, height] = [Math.exp(boxes[cell * 4 + 2]) * stride, Math.exp(boxes[cell * 4 + 3]) * stride];
    const at = (k) => [(points[cell * 10 + 2 * k] + column) * stride, (points[cell * 10 + 2 * k + 1] + row) * stride];
    found.push({
      left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2, score,
      landmarks: [0, 1, 2, 3, 4].map(at),
    });
  }
  return found;
}

function scaled(face, across, down) {
  return {
    left: face.left * across, top: face.top * down, right: face.right * across, bottom: face.bottom * down,
    score: face.score, landmarks: face.landmarks.map(([x, y]) => [x * across, y * down]),
  };
}

// Of boxes that overlap, only the surest.
function distinct(found) {
  const kept = [];
  for (const face of found.sort((a, b) => b.score - a.score).slice(0, MOST)) {
    if (kept.every((other) => shared(face, other) <= OVERLAP)) kept.push(face);
  }
  return kept;
}

// Intersection over union, of boxes cut to whole pixels.
function shared(one, other) {
  const cut = ({ left, top, right, bottom }) => [left, top, right - left, bottom - top].map(Math.trunc);
  const [[left, top, wide, high], [x, y, width, height]] = [cut(one), cut(other)];
  const across = Math.min(left + wide, x + width) - Math.max(left, x);
  const down = Math.min(top + high, y + height) - Math.max(top, y);
  const common = Math.max(0, across) * Math.max(0, down);
  return common ? common / (wide * high + width * height - common) : 0;
}

function area(box) {
  return Math.max(0, box.right - box.left) * Math.max(0, box.bottom - box.top);
}

// Python rounds halves to the even neighbour.
function even(value) {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 ? low + 1 : low;
}

// a, b, x, y so that (a u - b v + x, b u + a v + y) brings the landmarks (u, v) closest to the template.
function similarity(points) {
  const mean = (places, axis) => places.reduce((sum, place) => sum + place[axis], 0) / places.length;
  const [mu, mv, mp, mq] = [mean(points, 0), mean(points, 1), mean(TEMPLATE, 0), mean(TEMPLATE, 1)];
  let [along, across, spread] = [0, 0, 0];
  points.forEach(([u, v], k) => {
    const [p, q] = TEMPLATE[k];
    along += (u - mu) * (p - mp) + (v - mv) * (q - mq);
    across += (u - mu) * (q - mq) - (v - mv) * (p - mp);
    spread += (u - mu) * (u - mu) + (v - mv) * (v - mv);
  });
  const [a, b] = [along / Math.max(spread, 1e-9), across / Math.max(spread, 1e-9)];
  return [a, b, mp - (a * mu - b * mv), mq - (b * mu + a * mv)];
}

// A face as 112 x 112 RGB: bilinear between means of blocks as large as the face asks for, black outside of the photo.
export function aligned(bitmap, landmarks) {
  const [a, b, x, y] = similarity(landmarks);
  let [block, scale] = [1, Math.sqrt(a * a + b * b)];
  while (scale * 2 <= 1 && block < Math.max(bitmap.width, bitmap.height)) [block, scale] = [block * 2, scale * 2];
  const squared = Math.max(a * a + b * b, 1e-12);
  const places = new Float64Array(2 * ALIGNED * ALIGNED);
  for (let row = 0; row < ALIGNED; row++) {
    for (let column = 0; column < ALIGNED; column++) {
      const u = (a * (column - x) + b * (row - y)) / squared;
      const v = (a * (row - y) - b * (column - x)) / squared;
      places.set([(u + 0.5) / block - 0.5, (v + 0.5) / block - 0.5], 2 * (row * ALIGNED + column));
    }
  }
  return sample(bitmap, places, block);
}

function sample(bitmap, places, block) {
  const [left, right] = range(places, 0, Math.ceil(bitmap.width / block));
  const [top, bottom] = range(places, 1, Math.ceil(bitmap.height / block));
  const [across, down] = [right - left, bottom - top];
  const means = across && down ? region(bitmap, left, top, across, down, block) : null;
  const out = new Uint8Array(3 * ALIGNED * ALIGNED);
  const at = (column, row, c) => {
    const outside = !means || column < left || row < top || column >= right || row >= bottom;
    return outside ? 0 : means[((row - top) * across + column - left) * 3 + c];
  };
  for (let i = 0; i < ALIGNED * ALIGNED; i++) {
    const [u, v] = [places[2 * i], places[2 * i + 1]];
    const [column, row] = [Math.floor(u), Math.floor(v)];
    const [fu, fv] = [u - column, v - row];
    for (let c = 0; c < 3; c++) {
      const upper = at(column, row, c) * (1 - fu) + at(column + 1, row, c) * fu;
      const lower = at(column, row + 1, c) * (1 - fu) + at(column + 1, row + 1, c) * fu;
      out[i * 3 + c] = Math.floor(upper * (1 - fv) + lower * fv + 0.5);
    }
  }
  return out;
}

// First block, and one after the last, that the places touch on one axis, within the photo.
function range(places, axis, length) {
  let [least, most] = [Infinity, -Infinity];
  for (let i = axis; i < places.length; i += 2) [least, most] = [Math.min(least, places[i]), Math.max(most, places[i])];
  const first = Math.min(Math.max(Math.floor(least), 0), length);
  return [first, Math.max(first, Math.min(Math.floor(most) + 2, length))];
}
