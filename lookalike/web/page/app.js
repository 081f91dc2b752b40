// The page: photos come by drop, paste, choice or camera; each is asked about at once, one after the other, and stays
// in the session's gallery. engine.js is either remote.js (a server answers) or local.js (this browser answers).
import { offerCamera } from './camera.js';
import { open } from './engine.js';
import { csv, headline, question, record, remark, spoken } from './words.js';

const find = (id) => document.getElementById(id);
const MOST_BARS = 8;
let items = []; // { name, blob, url, reply }: reply is null until there is an answer
let current = null;
let engine = null;
let busy = false;
let offerCorrection = null;

function add(files) {
  const before = items.length;
  for (const blob of files) items.push({ name: blob.name || 'pasted photo', blob, url: URL.createObjectURL(blob), reply: null });
  if (items.length === before) return;
  show(items[before]);
  askAll();
}

async function askAll() {
  if (busy || !engine) return;
  busy = true;
  for (let item; (item = items.find(({ reply }) => !reply)); ) {
    tell();
    let reply;
    try {
      reply = await engine.classify(item.blob);
    } catch (error) {
      reply = { reason: 'failed', detail: error.message };
    }
    item.reply = reply;
    render(item);
  }
  busy = false;
  tell();
}

function tell() {
  const done = items.filter(({ reply }) => reply).length;
  const left = items.length - done;
  const many = items.length > 1 ? ` (${done} of ${items.length})` : '';
  find('status').textContent = left ? `${engine ? 'Looking' : 'Waiting for the model'}…${many}` : '';
}

function show(item) {
  current = item;
  find('thumbnail').src = item.url;
  find('thumbnail').alt = item.name;
  find('thumbnail').hidden = false;
  find('invitation').hidden = true;
  for (const id of ['another', 'classify']) find(id).hidden = false;
  render(item);
}

function render(item) {
  find('session').hidden = items.length < 2;
  find('gallery').replaceChildren(...items.map(card));
  if (item !== current) return;
  const { reply } = item;
  find('answer').hidden = !reply;
  drawBoxes((reply && reply.faces) || []);
  if (!reply) return;
  find('label').textContent = headline(reply);
  find('remark').textContent = remark(reply);
  const bars = reply.label && reply.known ? reply.ranked.slice(0, MOST_BARS) : [];
  find('bars').replaceChildren(...bars.map((label) => bar(label, reply.probabilities[label])));
  find('correcting')?.toggleAttribute('hidden', !reply.label);
  if (offerCorrection) offerCorrection(item);
}

function askAgain(item) {
  item.reply = null;
  askAll();
}

function card(item) {
  const row = document.createElement('li');
  const button = row.appendChild(document.createElement('button'));
  button.type = 'button';
  button.setAttribute('aria-current', String(item === current));
  const image = button.appendChild(document.createElement('img'));
  image.src = item.url;
  image.alt = item.name;
  button.appendChild(document.createElement('span')).textContent = item.reply ? headline(item.reply) : '…';
  button.addEventListener('click', () => {
    const place = items.indexOf(item);
    show(item);
    find('gallery').children[place].firstChild.focus();
  });
  return row;
}

// Photos that the maker of the page has put into it: each is a button.
function listenToSamples() {
  for (const button of document.querySelectorAll('#samples button')) {
    const { alt, src } = button.firstChild;
    const letters = atob(src.slice(src.indexOf(',') + 1));
    const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    button.addEventListener('click', () => {
      add([new File([bytes], alt, { type: 'image/jpeg' })]);
      find('framed').scrollIntoView({ block: 'nearest' });
    });
  }
}

// The boxes of the faces over the photo, each with its name.
function drawBoxes(faces) {
  const { naturalWidth: across, naturalHeight: down } = find('thumbnail');
  find('framed').querySelectorAll('.face').forEach((box) => box.remove());
  for (const { box: [left, top, right, bottom], label, known } of faces) {
    const box = document.createElement('span');
    box.className = known ? 'face known' : 'face';
    const places = { left: left / across, top: top / down, width: (right - left) / across, height: (bottom - top) / down };
    for (const [side, share] of Object.entries(places)) box.style[side] = `${share * 100}%`;
    box.appendChild(document.createElement('span')).textContent = spoken(label);
    find('framed').append(box);
  }
}

function bar(label, probability) {
  const row = document.createElement('li');
  const name = row.appendChild(document.createElement('div'));
  name.className = 'name';
  name.appendChild(document.createElement('span')).textContent = spoken(label);
  name.appendChild(document.createElement('span')).textContent = `${(probability * 100).toFixed(1)} %`;
  const whole = row.appendChild(document.createElement('div'));
  whole.className = 'bar';
  whole.appendChild(document.createElement('div')).style.width = `${probability * 100}%`;
  return row;
}

function saveCsv() {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([csv(items.filter(({ reply }) => reply))], { type: 'text/csv' }));
  link.download = `${document.title}.csv`;
  link.click();
}

function clear() {
  for (const { url } of items) URL.revokeObjectURL(url);
  [items, current] = [[], null];
  for (const id of ['thumbnail', 'answer', 'session', 'another', 'classify']) find(id).hidden = true;
  find('gallery').replaceChildren();
  find('invitation').hidden = false;
  drawBoxes([]);
  tell();
  find('file').focus();
}

function listen() {
  find('file').addEventListener('change', () => {
    add([...find('file').files]);
    find('file').value = ''; // so that the same photo can be chosen again
  });
  find('another').addEventListener('click', () => find('file').click());
  find('classify').addEventListener('click', () => {
    askAgain(current);
    render(current);
  });
  find('csv').addEventListener('click', saveCsv);
  find('clear').addEventListener('click', clear);
  find('link').hidden = !(navigator.clipboard && location.protocol.startsWith('http'));
  find('link').addEventListener('click', async () => {
    await navigator.clipboard.writeText(location.href);
    find('status').textContent = 'The link is copied.';
  });
  find('thumbnail').addEventListener('load', () => current && current.reply && drawBoxes(current.reply.faces || []));
  find('thumbnail').addEventListener('error', () => {
    if (!current) return;
    find('thumbnail').hidden = true;
    find('invitation').hidden = false;
    find('invitation').textContent = `${current.name} (no preview)`;
  });
  document.addEventListener('paste', (event) => add([...event.clipboardData.files]));
  for (const kind of ['dragenter', 'dragover', 'dragleave', 'drop']) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      find('drop').classList.toggle('over', kind === 'dragenter' || kind === 'dragover');
      if (kind === 'drop') add([...event.dataTransfer.files]);
    });
  }
  offerCamera((photo) => add([photo]), (error) => {
    find('status').textContent = `The camera can’t be used: ${error.message}`;
  });
}

function opening(done, total) {
  find('opening').hidden = false;
  if (total) [find('opening').max, find('opening').value] = [total, done];
}

listen();
listenToSamples();
try {
  engine = await open(opening);
  document.title = engine.about.name;
  find('title').textContent = question(engine.about);
  find('about').textContent = record(engine.about);
  find('privacy').textContent = engine.privacy;
  if (engine.correcting) offerCorrection = engine.correcting(askAgain);
  document.documentElement.dataset.ready = 'yes';
  askAll();
} catch (error) {
  find('about').textContent = `The model did not open: ${error.message}. Reload the page to try again.`;
  document.documentElement.dataset.ready = 'failed';
}
find('opening').hidden = true;
