// end.js: the end of a closed event: downloads a file with everything worth keeping, then deletes the event. Each part
// of the archive names the next one; joined, they are the file.

import { call, withReason } from './api.js';
import { make, say } from './kit.js';
import { confirmed } from './ui.js';

const REST_MS = 60_000; // a browser that is slow to save still finds the file

function save(pieces, name) {
  const link = make('a', { href: URL.createObjectURL(new Blob(pieces, { type: 'application/x-ndjson' })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), REST_MS);
}

// `progress` gets the number of parts so far.
export async function archive(id, etag, why, progress) {
  const pieces = [];
  for (let path = `/admin/events/${id}/archive`; path; progress(pieces.length)) {
    const { octets, next } = await call('queue', 'GET', path, { octets: true });
    pieces.push(octets);
    path = next;
  }
  save(pieces, `${id}-${new Date().toISOString().slice(0, 10)}.ndjson`);
  await call('queue', 'POST', `/admin/events/${id}/actions/archive`, { body: why === '' ? {} : { why }, headers: { 'If-Match': etag } });
}

// True: it was deleted. Without an archive, asks a second time.
export async function remove({ id, name, state, etag, why }) {
  const ask = (text, said) => confirmed({ title: say('act.sure', say('act.delete'), name), text, yes: say('act.delete'), word: id, why: { text: said, needed: true } });
  let sure = await ask(say(state === 'draft' ? 'act.delete.draft' : 'act.delete.means'), why);
  if (!sure) return false;
  const headers = () => ({ 'If-Match': etag, ...withReason(sure.why) });
  try {
    await call('queue', 'DELETE', `/admin/events/${id}`, { headers: headers() });
  } catch (error) {
    if (error.code !== 'event-not-archived') throw error;
    sure = await ask(say('act.delete.unarchived'), sure.why);
    if (!sure) return false;
    await call('queue', 'DELETE', `/admin/events/${id}?unarchived=true`, { headers: headers() });
  }
  return true;
}
