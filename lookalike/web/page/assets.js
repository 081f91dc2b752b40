// The page's other files: downloaded from beside it, or embedded in it when the page is a single file.

const embedded = (name) => document.getElementById(`asset:${name}`);

export async function asset(name, tell) {
  const bytes = embedded(name) ? unpack(embedded(name)) : await download(name, tell);
  // Some hosts unpack .gz on the way and some do not, so look at the bytes. Gzip's own checksum finds damage.
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzip(bytes) : bytes;
}

export async function module(name) {
  if (!embedded(name)) return import(`./${name}`);
  const url = URL.createObjectURL(new Blob([await asset(name)], { type: 'text/javascript' }));
  return import(url);
}

const sizes = new Map(); // of each file under way: bytes that came, and bytes in all

// `tell(done, total)` is called as bytes come in; total is 0 where the server doesn't say.
async function download(name, tell = () => {}) {
  const reply = await fetch(name);
  if (!reply.ok) throw new Error(`${name}: ${reply.status}`);
  const parts = [];
  const total = Number(reply.headers.get('content-length') || 0);
  const reader = reply.body.getReader();
  for (let done = 0, part; (part = (await reader.read()).value); ) {
    parts.push(part);
    done += part.length;
    sizes.set(name, [done, Math.max(done, total)]);
    tell(...[...sizes.values()].reduce(([a, b], [c, d]) => [a + c, b + d]));
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function unpack(element) {
  const text = atob(element.textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function gunzip(bytes) {
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}
