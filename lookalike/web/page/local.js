// The engine of the exported page: the model runs in this browser, and photos never leave it.
import { asset, module } from './assets.js';
import { aligned, faceFinder, mainFace } from './faces.js';
import { decode, readPixels } from './pixels.js';

export async function open(tell) {
  const about = JSON.parse(new TextDecoder().decode(await asset('model.json', tell)));
  const [ort, runtime, model] = await Promise.all([module('ort.js'), asset('ort.wasm.gz', tell), asset('model.onnx.gz', tell)]);
  ort.env.wasm.wasmBinary = runtime;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const start = (bytes) => ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
  const session = await start(model);
  const ask = async (pixels) => {
    const size = about.input.size;
    const image = new ort.Tensor('uint8', pixels, [1, size, size, 3]);
    const output = await session.run({ [session.inputNames[0]]: image });
    return answer(about, Array.from(output[session.outputNames[0]].data), output.similarity?.data[0]);
  };
  const seesFaces = (about.input.crop || 'none') !== 'none';
  const find = seesFaces ? faceFinder(ort, await start(await asset('face.onnx.gz', tell))) : undefined;
  const things = async (blob) => {
    const pixels = await readPixels(blob, about.input, find && mainFace(find));
    return pixels.reason ? pixels : ask(pixels);
  };
  const classify = about.input.crop === 'aligned' ? (blob) => people(blob, find, ask) : things;
  return { about, classify, privacy: 'Photos stay in this browser: the page cannot send them anywhere.' };
}

// Every face, largest first; the photo is called what its surest known face is, as in bundle/crowds.py.
async function people(blob, find, ask) {
  const bitmap = await decode(blob);
  if (bitmap.reason) return bitmap;
  try {
    const faces = [];
    for (const face of await find(bitmap)) {
      const box = [face.left, face.top, face.right, face.bottom];
      faces.push({ box, ...(await ask(aligned(bitmap, face.landmarks))) });
    }
    const unsure = { label: 'neither', probability: null, known: false, reason: 'no-face', detail: DOUBTS['no-face'] };
    if (!faces.length) return { ...unsure, ranked: [], probabilities: {}, faces };
    const surer = (a, b) => (b.known === a.known ? b.similarity > a.similarity : b.known);
    const { box, ...best } = faces.reduce((a, b) => (surer(a, b) ? b : a));
    return { ...best, faces };
  } finally {
    bitmap.close();
  }
}

// The same answer as from bundle/answer.py: p^(1/T), normalised; too unlikely, or too unlike the photos that
// the model learnt from, it is "neither". `ranked` has the labels, best first: an object would put numbers in order.
const DOUBTS = {
  unlike: 'this is unlike the photos it learnt from',
  unlikely: 'no label is likely enough',
  'no-face': 'no face was found',
};

export function answer(about, raw, similarity) {
  const powered = raw.map((p) => Math.max(p, 1e-30) ** (1 / (about.temperature || 1)));
  const total = powered.reduce((sum, p) => sum + p, 0);
  const ranked = powered.map((p, i) => [about.labels[i], p / total]).sort((a, b) => b[1] - a[1]);
  const below = (value, limit) => value != null && limit != null && value < limit;
  const unlikely = below(ranked[0][1], about.threshold) ? 'unlikely' : '';
  const limits = about.min_similarity; // one for each label, or one for all
  const limit = Array.isArray(limits) ? limits[about.labels.indexOf(ranked[0][0])] : limits;
  const doubt = below(similarity, limit) ? 'unlike' : unlikely;
  const [closest, probability] = ranked[0];
  const unsure = { label: 'neither', probability: null, closest, reason: doubt, detail: DOUBTS[doubt] };
  const order = { ranked: ranked.map(([label]) => label), probabilities: Object.fromEntries(ranked) };
  return { ...(doubt ? unsure : { label: closest, probability }), similarity, known: !doubt, ...order };
}
