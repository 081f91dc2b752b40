// A photo as the network sees it, to the last bit as Pillow makes it in Python: canvas scaling differs between
// browsers and from Pillow, enough to change three labels in a hundred. So the canvas only decodes, and the bilinear
// resize is Pillow's own algorithm (libImaging/Resample.c): a triangle as wide as the reduction, weights in 22-bit fixed
// point, rows first, then columns, rounded to 8 bits after each.

const MAX_PIXELS = 50_000_000;
const VANISHED = 250; // what is not darker than this can't be seen on white
const MOSTLY = 0.9; // so much of what is so opaque may not be seen before it lies on black
const SOLID = 128;
const ROWS = 64; // are looked at together
const STRIP = 1 << 22; // pixels drawn at a time: phones limit the area of a canvas
const BITS = 22;
const HALF = 1 << (BITS - 1);

// A decoded photo that is not too large, or { reason, detail }.
export async function decode(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  } catch {
    return { reason: 'not-an-image', detail: 'this browser cannot read it as a photo' };
  }
  const { width, height } = bitmap;
  if (width * height <= MAX_PIXELS) {
    bitmap.ground = ground(bitmap);
    return bitmap;
  }
  bitmap.close();
  return { reason: 'too-large', detail: `${width}x${height} pixels` };
}

// Uint8Array of size * size * 3, or { reason, detail }. `look` finds the box that counts, by default the whole photo.
export async function readPixels(blob, spec, look = whole) {
  const bitmap = await decode(blob);
  if (bitmap.reason) return bitmap;
  try {
    const part = await look(bitmap);
    const box = frame(part.width, part.height, spec);
    const shifted = { ...box, left: box.left + part.left, top: box.top + part.top };
    return square(bitmap, shifted, spec.size, spec.size, part);
  } finally {
    bitmap.close();
  }
}

function whole({ width, height }) {
  return { left: 0, top: 0, width, height };
}

// The box of a photo, scaled to across x down pixels of RGB; what lies outside of `part` is black.
export function square(bitmap, box, across, down, part = whole(bitmap)) {
  return resize((top, rows) => draw(bitmap, box, part, top, rows), box.width, box.height, across, down);
}

// Blocks of the photo, across x down of them from (left, top), as their means in RGB; black beyond the photo's edge.
export function region(bitmap, left, top, across, down, block) {
  const box = { left: left * block, top: top * block, width: across * block, height: down * block };
  const [sums, half, bits] = [new Uint32Array(3 * across * down), (block * block) >> 1, 2 * Math.log2(block)];
  let y = 0;
  for (const { data, rows } of strips((from, count) => draw(bitmap, box, whole(bitmap), from, count), box.width, box.height)) {
    for (let i = 0; i < rows; i++, y++) {
      for (let x = 0; x < box.width; x++) {
        const [to, from] = [3 * (Math.floor(y / block) * across + Math.floor(x / block)), 4 * (i * box.width + x)];
        for (let c = 0; c < 3; c++) sums[to + c] += data[from + c];
      }
    }
  }
  return sums.map((sum) => (sum + half) >>> bits);
}

// The part of the photo that counts, in its own pixels; for "pad" it is larger than the photo.
export function frame(width, height, { size, resize: how = 'crop' }) {
  if (how === 'squish') return { left: 0, top: 0, width, height };
  if (how === 'pad') {
    const side = Math.max(width, height);
    return { left: -Math.floor((side - width) / 2), top: -Math.floor((side - height) / 2), width: side, height: side };
  }
  const side = Math.max(1, Math.trunc(Math.min(width / size, height / size) * size));
  return { left: Math.trunc(0.5 * (width - side)), top: Math.trunc(0.5 * (height - side)), width: side, height: side };
}

// RGBA rows of the box: the part of the photo on its ground, what lies outside of it black.
function draw(bitmap, box, part, top, rows) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [box.width, rows];
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const [x, y] = [part.left - box.left, part.top - box.top - top];
  pen.fillStyle = 'black';
  pen.fillRect(0, 0, box.width, rows);
  pen.beginPath();
  pen.rect(x, y, part.width, part.height);
  pen.clip();
  pen.fillStyle = bitmap.ground;
  pen.fillRect(0, 0, box.width, rows);
  pen.drawImage(bitmap, -box.left, -box.top - top);
  return pen.getImageData(0, 0, box.width, rows).data;
}

// What a photo with transparent parts lies on: white, or black where nearly all that can be seen is white.
function ground(bitmap) {
  if (isDark(bitmap)) return 'white';
  const solid = lost(bitmap, SOLID);
  const { seen, onWhite, onBlack } = solid.seen ? solid : lost(bitmap, 1);
  return seen && onWhite >= MOSTLY * seen && onBlack < onWhite ? 'black' : 'white';
}

// Whether more of it than may be seen on white is so dark there that it must be opaque: true of most photos, told soon.
function isDark(bitmap) {
  const most = (1 - MOSTLY) * bitmap.width * bitmap.height;
  let dark = 0;
  bitmap.ground = 'white';
  for (let top = 0; top < bitmap.height; top += ROWS) {
    const data = rowsOf(bitmap, top);
    for (let i = 0; i < data.length; i += 4) dark += Math.min(data[i], data[i + 1], data[i + 2]) < 255 - SOLID;
    if (dark > most) return true;
  }
  return false;
}

function rowsOf(bitmap, top) {
  const [box, rows] = [whole(bitmap), Math.min(ROWS, bitmap.height - top)];
  return draw(bitmap, { ...box, height: rows }, box, top, rows);
}

// How many pixels are so opaque, and how many of them can't be told from a white and from a black ground. How opaque one
// is shows in how little the ground changes it.
function lost(bitmap, opaque) {
  const found = { seen: 0, onWhite: 0, onBlack: 0 };
  for (let top = 0; top < bitmap.height; top += ROWS) {
    const [white, black] = ['white', 'black'].map((colour) => {
      bitmap.ground = colour;
      return rowsOf(bitmap, top);
    });
    for (let i = 0; i < white.length; i += 4) {
      if (255 - (white[i] - black[i]) < opaque) continue;
      found.seen++;
      found.onWhite += Math.min(white[i], white[i + 1], white[i + 2]) >= VANISHED;
      found.onBlack += Math.max(black[i], black[i + 1], black[i + 2]) <= 255 - VANISHED;
    }
  }
  return found;
}

// read(top, rows) gives RGBA rows of a width x height picture; the result is across x down RGB.
export function resize(read, width, height, across, down) {
  const narrow = eachRow(strips(read, width, height), weights(width, across), height);
  return eachColumn(narrow, across * 3, weights(height, down));
}

function* strips(read, width, height) {
  const most = Math.max(1, Math.floor(STRIP / width));
  for (let top = 0; top < height; top += most) {
    const rows = Math.min(most, height - top);
    yield { data: read(top, rows), rows };
  }
}

function eachRow(parts, { first, taps, values, most }, height) {
  const out = new Uint8Array(height * first.length * 3);
  let at = 0;
  for (const { data, rows } of parts) {
    const length = data.length / rows;
    for (let start = 0; start < data.length; start += length) {
      for (let x = 0; x < first.length; x++) {
        let [red, green, blue] = [HALF, HALF, HALF];
        for (let k = 0, i = start + first[x] * 4; k < taps[x]; k++, i += 4) {
          const weight = values[x * most + k];
          red += data[i] * weight;
          green += data[i + 1] * weight;
          blue += data[i + 2] * weight;
        }
        out[at++] = red >> BITS;
        out[at++] = green >> BITS;
        out[at++] = blue >> BITS;
      }
    }
  }
  return out;
}

function eachColumn(data, stride, { first, taps, values, most }) {
  const out = new Uint8Array(first.length * stride);
  for (let y = 0; y < first.length; y++) {
    for (let x = 0; x < stride; x++) {
      let sum = HALF;
      for (let k = 0, i = first[y] * stride + x; k < taps[y]; k++, i += stride) sum += data[i] * values[y * most + k];
      out[y * stride + x] = sum >> BITS;
    }
  }
  return out;
}

// For each of `size` outputs: the first input, how many, and their weights.
function weights(length, size) {
  const scale = length / size;
  const reach = Math.max(scale, 1);
  const most = Math.ceil(reach) * 2 + 1;
  const [first, taps, values] = [new Int32Array(size), new Int32Array(size), new Int32Array(size * most)];
  for (let x = 0; x < size; x++) {
    const centre = (x + 0.5) * scale;
    first[x] = Math.max(0, Math.trunc(centre - reach + 0.5));
    taps[x] = Math.min(length, Math.trunc(centre + reach + 0.5)) - first[x];
    const row = [];
    for (let k = 0; k < taps[x]; k++) row.push(Math.max(0, 1 - Math.abs((k + first[x] - centre + 0.5) * (1 / reach))));
    const total = row.reduce((sum, w) => sum + w, 0);
    row.forEach((w, k) => { values[x * most + k] = Math.trunc(0.5 + (w / total) * (1 << BITS)); });
  }
  return { first, taps, values, most };
}
