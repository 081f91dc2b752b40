// The page: choose a photo, ask the engine, show the answer. engine.js is either remote.js (a server answers) or
// local.js (this browser answers); both give the same answers in the same form.
import { open } from './engine.js';

const find = (id) => document.getElementById(id);
let photo = null;
let engine = null;
let stream = null;

function choose(blob) {
  if (!blob) return;
  photo = blob;
  URL.revokeObjectURL(find('thumbnail').src);
  find('thumbnail').src = URL.createObjectURL(blob);
  find('thumbnail').hidden = false;
  find('invitation').hidden = true;
  find('answer').hidden = true;
  drawBoxes([]);
  find('classify').disabled = !engine;
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
    box.appendChild(document.createElement('span')).textContent = label;
    find('framed').append(box);
  }
}

async function classify() {
  const asked = photo;
  find('classify').disabled = true;
  find('classify').textContent = 'Looking…';
  try {
    const answer = await engine.classify(asked);
    if (asked === photo) show(answer);
  } catch (error) {
    show({ reason: 'failed', detail: error.message });
  }
  find('classify').textContent = 'Classify';
  find('classify').disabled = false;
}

function show(answer) {
  find('answer').hidden = false;
  find('bars').replaceChildren();
  drawBoxes(answer.faces || []);
  if (!answer.label) {
    find('label').textContent = 'No answer';
    find('remark').textContent = [answer.reason, answer.detail].filter(Boolean).join(': ');
    return;
  }
  find('label').textContent = answer.known ? answer.label : unsure(answer);
  find('remark').textContent = answer.known ? '' : `${answer.detail}.`.replace(/^./, (letter) => letter.toUpperCase());
  const bars = answer.known ? answer.ranked.slice(0, 8) : [];
  find('bars').replaceChildren(...bars.map((label) => bar(label, answer.probabilities[label])));
}

function unsure(answer) {
  return answer.closest ? `Not sure; closest is ${answer.closest}` : 'No face';
}

function bar(label, probability) {
  const row = document.createElement('li');
  const name = row.appendChild(document.createElement('div'));
  name.className = 'name';
  name.appendChild(document.createElement('span')).textContent = label;
  name.appendChild(document.createElement('span')).textContent = `${(probability * 100).toFixed(1)} %`;
  const whole = row.appendChild(document.createElement('div'));
  whole.className = 'bar';
  whole.appendChild(document.createElement('div')).style.width = `${probability * 100}%`;
  return row;
}

async function camera() {
  if (stream) {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [find('video').videoWidth, find('video').videoHeight];
    canvas.getContext('2d').drawImage(find('video'), 0, 0);
    canvas.toBlob(choose, 'image/png');
    stream.getTracks().forEach((track) => track.stop());
    stream = null;
  } else {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      find('video').srcObject = stream;
    } catch (error) {
      show({ reason: 'no camera', detail: error.message });
    }
  }
  find('video').hidden = !stream;
  find('camera').textContent = stream ? 'Use this picture' : 'Take a photo';
}

function listen() {
  find('file').addEventListener('change', () => choose(find('file').files[0]));
  find('classify').addEventListener('click', classify);
  find('camera').addEventListener('click', camera);
  find('camera').hidden = !(navigator.mediaDevices && navigator.mediaDevices.getUserMedia);
  find('thumbnail').addEventListener('error', () => {
    find('thumbnail').hidden = true;
    find('invitation').hidden = false;
    find('invitation').textContent = `${photo.name || 'this file'} (no preview)`;
  });
  document.addEventListener('paste', (event) => choose(event.clipboardData.files[0]));
  for (const kind of ['dragenter', 'dragover', 'dragleave', 'drop']) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      find('drop').classList.toggle('over', kind === 'dragenter' || kind === 'dragover');
      if (kind === 'drop') choose(event.dataTransfer.files[0]);
    });
  }
}

listen();
try {
  engine = await open();
  const { name, labels, metrics } = engine.about;
  document.title = name;
  find('title').textContent = labels.length <= 4 ? `${labels.join(' or ')}?` : name;
  const accuracy = metrics && metrics.accuracy;
  find('about').textContent = accuracy
    ? `Right for ${accuracy.right} of ${accuracy.total} photos it had not seen before.`
    : `Tells ${labels.length} things apart.`;
  find('privacy').textContent = engine.privacy;
  find('classify').disabled = !photo;
  document.documentElement.dataset.ready = 'yes';
} catch (error) {
  find('about').textContent = `The model did not open: ${error.message}`;
  document.documentElement.dataset.ready = 'failed';
}
