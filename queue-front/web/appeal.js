// appeal.js: tells a visitor who was slowed down whom to contact, and which reference to give. wait.js
// fetches it when an answer says so.

import { byId, lang, make, say } from './kit.js';

export function showAppeal({ reference, appeal }) {
  const href = appeal[lang] ?? appeal.en ?? Object.values(appeal)[0];
  byId('appeal').replaceChildren(`${say('more.appeal', reference)} `, make('a', { href, textContent: href }));
  byId('appeal').hidden = false;
}
