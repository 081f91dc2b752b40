// Under an answer: what the photo shows instead. It is kept in the project to learn from, and can be taken back.
import { spoken } from './words.js';

const NEITHER = 'neither';
const named = (label) => (label === NEITHER ? 'none of these' : spoken(label));

function made(tag, properties, ...inside) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside);
  return element;
}

// Gives a function that shows, for an item of the page, the form or what was kept. `post` sends a request and gives
// what the server says; `again` asks about an item anew, where a correction counts at once.
export function corrections(labels, post, again) {
  const select = made('select', { id: 'right', required: true }, new Option('choose one', ''));
  select.append(...[...labels, NEITHER].map((label) => new Option(named(label), label)));
  const keep = made('button', { type: 'submit', className: 'second', textContent: 'Keep that' });
  const form = made('form', { className: 'buttons' }, made('label', { htmlFor: 'right', textContent: 'Not right? This is' }), select, keep);
  const back = made('button', { type: 'button', className: 'second', textContent: 'Undo' });
  const words = made('p', { className: 'quiet' });
  words.setAttribute('role', 'status');
  document.getElementById('answer').append(made('div', { id: 'correcting' }, form, words, made('p', { className: 'buttons' }, back)));
  let current = null;

  function show(item) {
    const other = item !== current;
    current = item;
    const { kept, said } = item.correction || {};
    form.hidden = Boolean(kept);
    back.hidden = !kept;
    words.textContent = said || '';
    if (other) select.value = '';
  }

  async function send(item, path, photo, done) {
    keep.disabled = back.disabled = true;
    try {
      const reply = await post(path, photo);
      item.correction = done(reply);
      if (reply.learnt) again(item);
    } catch (error) {
      item.correction = { ...item.correction, said: `That was not done: ${error.message}` };
    }
    keep.disabled = back.disabled = false;
    if (item === current) show(item);
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const label = select.value;
    send(current, `api/correct?label=${encodeURIComponent(label)}`, current.blob, ({ correction, advice }) => ({
      kept: correction,
      said: [correction ? `Kept as ${named(label)}.` : `It is kept as ${named(label)} already.`, advice].filter(Boolean).join(' '),
    })).then(() => (back.hidden ? select : back).focus());
  });
  back.addEventListener('click', () => {
    const name = current.correction.kept;
    send(current, `api/undo?correction=${encodeURIComponent(name)}`, undefined, () => ({ said: 'Taken back.' })).then(() => select.focus());
  });
  return show;
}
