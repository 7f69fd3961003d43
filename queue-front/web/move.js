// move.js: gets a code with which another device can take over this visitor's place, and takes over that of another.

import { byId, make, moreWords, say } from './kit.js';
import { timeOf } from './show.js';

// Shows the code as text, and as a QR code of an address.
export async function offer(at, ask) {
  await moreWords();
  try {
    const answer = await ask('POST', 'move', { 'Content-Type': 'application/json' }, '{}');
    if (!answer.ok) throw new Error(String(answer.status));
    const { code, url, qr, expires_at: until } = await answer.json();
    const picture = document.importNode(new DOMParser().parseFromString(qr, 'image/svg+xml').documentElement, true);
    picture.setAttribute('class', 'qr');
    picture.setAttribute('role', 'img');
    picture.setAttribute('aria-label', url);
    at.replaceChildren(
      make('p', {}, say('more.move.text')),
      picture,
      make('p', {}, `${say('more.move.code')}: `, make('strong', { className: 'code' }, code)),
      make('p', {}, say('more.move.until', timeOf(until, { timeStyle: 'short' }))),
    );
  } catch {
    at.replaceChildren(make('p', {}, say('more.move.failed')));
  }
}

const FIELDS = { move: 'code', invitation: 'invitation', code: 'presale-code' };

// A QR code's address contains the code, an invitation's address the invitation, and the page after a refused code that
// code, to be corrected; the visitor still has to confirm.
export function read() {
  const all = new URLSearchParams(location.hash.slice(1));
  const [[what, code] = []] = all;
  const field = byId(FIELDS[what]);
  if (!FIELDS[what]) return;
  history.replaceState(null, '', location.pathname);
  if (!field) return; // this event has no such codes
  field.value = code;
  const box = field.closest('details');
  if (what === 'move') box.classList.remove('on');
  box.open = true;
  (all.has('refused') ? field : box.querySelector('button')).focus();
}

// The page that follows has its number in the draw, or explains the failure.
export async function take(ask, home) {
  const code = byId('code').value;
  const answer = await ask('POST', 'move', { 'Content-Type': 'application/json' }, JSON.stringify({ code }));
  location.replace(answer.ok ? home : `${home}?notice=${(await answer.json()).code}#move=${encodeURIComponent(code)}&refused`);
}
