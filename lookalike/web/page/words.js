// What the page says in words: labels, doubts, and what to do about a file that gives no answer.

const REASONS = {
  'not-an-image': 'This file is no photo. Choose a JPEG, PNG, WebP, GIF or BMP file.',
  unreadable: 'This photo is damaged and can’t be read. Try another copy of it.',
  truncated: 'This photo ends too early: the copy is not complete. Try another one.',
  'too-large': 'This photo has too many pixels. Make it smaller and try again.',
  unsupported: 'This kind of file can’t be read here. Save the photo as JPEG or PNG.',
  'too-slow': 'Reading this photo takes too long. Make it smaller and try again.',
  refused: 'The server did not take this photo',
  failed: 'Something went wrong; try once more',
};

// Folders have underscores where names have spaces.
export const spoken = (label) => label.replaceAll('_', ' ');

// One line for a photo: its label, "Not sure; closest is …", or that there is no answer.
export function headline(reply) {
  if (!reply.label) return 'No answer';
  if (reply.known) return spoken(reply.label);
  return reply.closest ? `Not sure; closest is ${spoken(reply.closest)}` : 'No face';
}

// Why there is no answer or no sure one, and what to do; nothing where it is sure.
export function remark(reply) {
  if (reply.label) return reply.known ? '' : `${reply.detail}.`.replace(/^./, (letter) => letter.toUpperCase());
  const told = REASONS[reply.reason] || 'This photo can’t be used';
  return told.endsWith('.') ? told : `${[told, reply.detail].filter(Boolean).join(': ')}.`;
}

// What the model is about: "ants or bees?", or its name where there are many labels.
export function question({ name, labels }) {
  return labels.length <= 4 ? `${labels.map(spoken).join(' or ')}?` : spoken(name);
}

export function record({ labels, metrics }) {
  const accuracy = metrics && metrics.accuracy;
  if (!accuracy) return `Tells ${labels.length} things apart.`;
  const { right, total, scarcest, fewest } = accuracy;
  const few = scarcest && fewest < 10 ? `, only ${fewest} of them of ${scarcest}` : ''; // as records.py has it
  return `Right for ${right} of ${total} photos it had not seen before${few}.`;
}

// The answers as a spreadsheet reads them; a cell that would be taken for a formula gets an apostrophe.
export function csv(items) {
  const rows = items.map(({ name, reply }) => {
    const sure = reply.label && reply.known;
    return [name, reply.label || '', sure ? reply.probability.toFixed(6) : '', reply.closest || '', reply.reason || ''];
  });
  const cell = (text) => `"${text.replace(/^(?='*[-=+@\t\r＝＋－＠])/, "'").replaceAll('"', '""')}"`;
  return [['file', 'label', 'probability', 'closest', 'reason'], ...rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}
