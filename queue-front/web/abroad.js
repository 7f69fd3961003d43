// abroad.js: for a device in another time zone than the hall: the phrases with both times, and when the show begins there.

import { byId, make, moreWords, say } from './kit.js';
import { line } from './show.js';
import { hereOf } from './when.js';

// The line below the name has the hall's time. This device's is at the foot of the page.
export async function tell() {
  await moreWords();
  const { starts } = byId('show')?.dataset ?? {};
  if (starts) byId('updated').before(make('p', { id: 'here' }, say('more.show.here', hereOf(starts, line.dataset.zone, say('more.show.form')))));
}
