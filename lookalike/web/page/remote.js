// The engine of `lookalike serve`: the photo goes to the server this page came from, and nowhere else.

export async function open() {
  const token = document.querySelector('meta[name=lookalike-token]').content;
  const headers = token ? { 'x-lookalike-token': token } : {};
  const reply = await fetch('api/model', { headers });
  if (!reply.ok) throw new Error(await reply.text());
  const about = await reply.json();
  const classify = async (blob) => {
    const answer = await fetch('api/predict', { method: 'POST', body: blob, headers });
    const text = await answer.text();
    return text.startsWith('{') ? JSON.parse(text) : { reason: 'refused', detail: text };
  };
  return { about, classify, privacy: 'Photos go to the computer this page comes from; it does not keep them.' };
}
