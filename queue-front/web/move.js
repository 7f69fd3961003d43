// move.js: gets a code with which another device can take over this visitor's place.

import { locale, make, moreWords, say } from './kit.js';

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
    const time = new Date(until).toLocaleTimeString(locale, { timeStyle: 'short' });
    at.replaceChildren(
      make('p', {}, say('more.move.text')),
      picture,
      make('p', {}, `${say('more.move.code')}: `, make('strong', { className: 'code' }, code)),
      make('p', {}, say('more.move.until', time)),
    );
  } catch {
    at.replaceChildren(make('p', {}, say('more.move.failed')));
  }
}
