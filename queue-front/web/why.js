// why.js: explains this visitor's place and checks the draw in this browser, by draw-check.js, which
// shares no line with the program that drew.

import { make, moreWords, say } from './kit.js';
import { commitmentOf, openDraw } from './draw-check.js';

async function check({ commitment, seed, beacon, entries }, { entry, position, noted }) {
  if (entries === 0) return [say('more.why.no-draw')];
  const real = await commitmentOf(seed);
  if (real !== commitment) return [say('more.why.wrong', `${real} ≠ ${commitment}`)];
  if (noted && noted !== commitment) return [say('more.why.wrong', `${noted} ≠ ${commitment}`)];
  if (entry > entries) return [say('more.why.late', entry)];
  const drawn = (await openDraw({ seed, beacon, entries })).position(entry);
  if (drawn !== position) return [say('more.why.wrong', `${drawn} ≠ ${position}`)];
  const told = [say('more.why.checked', entry, entries, position)];
  if (noted) told.push(say('more.why.seen'));
  return told;
}

export async function explain(at, { event, ...who }) {
  const path = `/v1/queue/${event}/fairness`;
  await moreWords();
  const about = [say(who.position === null ? 'more.why.draw' : 'more.why.line'), say('more.why.place')];
  const tell = (lines) => at.replaceChildren(...[...about, ...lines].map((text) => make('p', {}, text)));
  tell([say('more.why.checking')]);
  try {
    const fairness = await (await fetch(path, { headers: { Accept: 'application/json' }, cache: 'no-store' })).json();
    const lines = [];
    if (fairness.drawn) lines.push(...await check(fairness, who));
    else if (fairness.state !== 'pre-queue') lines.push(say('more.why.no-draw'));
    else lines.push(say('more.why.waiting'));
    tell(lines);
    if (fairness.commitment && (who.position === null || fairness.entries > 0)) {
      at.append(make('p', {}, `${say('more.why.commitment')} `, make('code', {}, fairness.commitment)));
      at.append(make('p', {}, make('a', { href: `/e/${event}/fairness#entry=${who.entry}` }, say('more.why.page'))));
    }
  } catch {
    tell([say('more.why.failed')]);
  }
}
