// The engine of the exported page: the model runs in this browser, and photos never leave it.
import { asset, module } from './assets.js';
import { faceFinder, mainFace } from './faces.js';
import { readPixels } from './pixels.js';

export async function open() {
  const about = JSON.parse(new TextDecoder().decode(await asset('model.json')));
  const [ort, runtime, model] = await Promise.all([module('ort.js'), asset('ort.wasm.gz'), asset('model.onnx.gz')]);
  ort.env.wasm.wasmBinary = runtime;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const start = (bytes) => ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
  const session = await start(model);
  const look = about.input.crop === 'face' ? mainFace(faceFinder(ort, await start(await asset('face.onnx.gz')))) : undefined;
  const classify = async (blob) => {
    const pixels = await readPixels(blob, about.input, look);
    if (pixels.reason) return pixels;
    const size = about.input.size;
    const image = new ort.Tensor('uint8', pixels, [1, size, size, 3]);
    const output = await session.run({ [session.inputNames[0]]: image });
    return answer(about, Array.from(output[session.outputNames[0]].data), output.similarity?.data[0]);
  };
  return { about, classify, privacy: 'Photos stay in this browser: the page cannot send them anywhere.' };
}

// The same answer as from bundle/answer.py: p^(1/T), normalised; too unlikely, or too unlike the photos that
// the model learnt from, it is "neither". `ranked` has the labels, best first: an object would put numbers in order.
const DOUBTS = { unlike: 'this is unlike the photos it learnt from', unlikely: 'no label is likely enough' };

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
