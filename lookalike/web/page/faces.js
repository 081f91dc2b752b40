// The main face of a photo, found as lookalike/faces.py finds it: CenterFace sees a face as a point on a map a quarter of
// the picture's size, with the size of its box and where in the cell the point lies.
import { square } from './pixels.js';

const SIDES = [448, 896];
const [SURE, OVERLAP, ROOM, STRIDE, STEP] = [0.5, 0.3, 1.3, 4, 32];

// A function from a photo to the box that counts: a square around the largest face, or without one the whole photo.
export function faceFinder(ort, session) {
  return async (bitmap) => {
    const { width, height } = bitmap;
    for (const side of SIDES) {
      const found = await facesAt(ort, session, bitmap, side);
      if (found.length) return around(found.reduce((a, b) => (area(b) > area(a) ? b : a)), width, height);
      if (Math.max(width, height) <= side) break;
    }
    return { left: 0, top: 0, width, height };
  };
}

function around(face, width, height) {
  const side = Math.min(ROOM * Math.max(face.right - face.left, face.bottom - face.top), width, height);
  const left = Math.min(Math.max(0, (face.left + face.right - side) / 2), width - side);
  const top = Math.min(Math.max(0, (face.top + face.bottom - side) / 2), height - side);
  const [x, y] = [even(left), even(top)];
  return { left: x, top: y, width: even(left + side) - x, height: even(top + side) - y };
}

async function facesAt(ort, session, bitmap, side) {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((n) => Math.max(STEP, even((n * scale) / STEP) * STEP));
  const pixels = square(bitmap, { left: 0, top: 0, width: bitmap.width, height: bitmap.height }, width, height);
  const planes = new Float32Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) planes[c * width * height + i] = pixels[i * 3 + c];
  }
  const maps = await session.run({ 'input.1': new ort.Tensor('float32', planes, [1, 3, height, width]) });
  return distinct(boxes(maps, bitmap.width / width, bitmap.height / height, width, height));
}

function boxes(maps, across, down, width, height) {
  const [heat, size, offset] = ['537', '538', '539'].map((name) => maps[name].data);
  const [cells, columns] = [heat.length, maps['537'].dims[3]];
  const limit = (value, most) => Math.min(Math.max(value, 0), most);
  const found = [];
  for (let i = 0; i < cells; i++) {
    if (heat[i] <= SURE) continue;
    const [high, wide] = [Math.exp(size[i]) * STRIDE, Math.exp(size[cells + i]) * STRIDE];
    const y = (Math.floor(i / columns) + offset[i] + 0.5) * STRIDE;
    const x = ((i % columns) + offset[cells + i] + 0.5) * STRIDE;
    found.push({
      left: limit(x - wide / 2, width) * across,
      top: limit(y - high / 2, height) * down,
      right: limit(x + wide / 2, width) * across,
      bottom: limit(y + high / 2, height) * down,
      score: heat[i],
    });
  }
  return found;
}

// Of boxes that overlap, only the surest.
function distinct(found) {
  const kept = [];
  for (const face of found.sort((a, b) => b.score - a.score)) {
    if (kept.every((other) => shared(face, other) < OVERLAP)) kept.push(face);
  }
  return kept;
}

function shared(one, other) {
  const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  const common = Math.max(0, across) * Math.max(0, down);
  return common / (area(one) + area(other) - common);
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
