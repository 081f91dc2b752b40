// The engine of `lookalike serve`: the photo goes to the server this page came from, and nowhere else.
import { corrections } from './correct.js';

export async function open() {
  const token = document.querySelector('meta[name=lookalike-token]').content;
  const headers = { 'x-lookalike-token': token };
  const reply = await fetch('api/model', { headers });
  if (!reply.ok) throw new Error(await reply.text());
  const about = await reply.json();
  const classify = async (blob) => {
    const answer = await fetch('api/predict', { method: 'POST', body: blob, headers });
    const text = await answer.text();
    return text.startsWith('{') ? JSON.parse(text) : { reason: 'refused', detail: text };
  };
  const post = async (path, body) => {
    const answer = await fetch(path, { method: 'POST', body, headers });
    const text = await answer.text();
    const told = text.startsWith('{') ? JSON.parse(text) : { detail: text };
    if (!answer.ok) throw new Error(told.detail);
    return told;
  };
  const correcting = about.corrections && ((again) => corrections(about.corrections, post, again));
  const kept = about.corrections ? 'it keeps only those whose answer you correct' : 'it does not keep them';
  return { about, classify, correcting, privacy: `Photos go to the computer this page comes from; ${kept}.` };
}
