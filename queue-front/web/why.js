// why.js: explains this visitor's wait and place, and checks the draw in this browser. draw-check.js shares no code
// with the program that made the draw.

import { locale, make, moreWords, say } from './kit.js';
import { commitmentOf, notedOf, openDraw } from './draw-check.js';

async function check({ commitment, seed, beacon, entries }, { entry, position, noted }) {
  if (entries === 0) return [say('more.why.no-draw')];
  const real = await commitmentOf(seed);
  if (real !== commitment) return [say('more.why.wrong', `${real} ≠ ${commitment}`)];
  if (noted && noted !== commitment) return [say('more.why.wrong', `${noted} ≠ ${commitment}`)];
  if (entry > entries) return [say('more.why.late', entry)];
  const drawn = (await openDraw({ seed, beacon, entries })).position(entry);
  if (drawn !== position) return [say('more.why.wrong', `${drawn} ≠ ${position}`)];
  const parts = [say('more.why.checked', entry, entries, position)];
  if (noted) parts.push(say('more.why.seen'));
  return parts;
}

const getJson = async (path) => (await fetch(path, { headers: { Accept: 'application/json' }, cache: 'no-store' })).json();

// This lane's part of the configured rate, and how many people are ahead. Lanes without anybody leave their part to the others.
async function pace(event, lane, ahead) {
  const { rate_per_s: allPerS, state, lanes = [{ id: lane, share: 100 }] } = await getJson(`/v1/queue/${event}/status`);
  const called = lanes.filter(({ id, waiting }) => id === lane || waiting > 0);
  const perS = allPerS * called.find(({ id }) => id === lane).share / called.reduce((sum, { share }) => sum + share, 0);
  const moves = state === 'open' && perS > 0;
  return say(moves ? 'more.why.pace' : 'more.why.still', (60 * perS).toLocaleString(locale), ahead.toLocaleString(locale));
}

// Each lane has a draw of its own.
export async function explain(at, { event, lane, ahead, ...who }) {
  const draw = lane ? `fairness?lane=${encodeURIComponent(lane)}` : 'fairness';
  await moreWords();
  const about = [...(ahead === null ? [] : [await pace(event, lane ?? 'general', ahead).catch(() => '')]), say(who.position === null ? 'more.why.draw' : 'more.why.line'), say('more.why.place')];
  const tell = (lines) => at.replaceChildren(...[...about, ...lines].map((text) => make('p', {}, text)));
  tell([say('more.why.checking')]);
  try {
    const fairness = await getJson(`/v1/queue/${event}/${draw}`);
    const noted = notedOf(fairness);
    const lines = [];
    if (fairness.drawn) lines.push(...await check(fairness, { ...who, noted }));
    else if (fairness.state !== 'pre-queue') lines.push(say('more.why.no-draw'));
    tell(lines);
    if (fairness.commitment && (who.position === null || fairness.entries > 0)) {
      at.append(make('p', {}, `${say('more.why.commitment')} `, make('code', {}, fairness.commitment)));
      if (!fairness.drawn && fairness.state === 'pre-queue') at.append(make('p', {}, say('more.why.waiting')));
      at.append(make('p', {}, make('a', { href: `/e/${event}/${draw}#entry=${who.entry}` }, say('more.why.page'))));
    }
  } catch {
    tell([say('more.why.failed')]);
  }
}
