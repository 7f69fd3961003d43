// why.js: explains this visitor's wait and place, and checks the draw in this browser. draw-check.js shares no code
// with the program that made the draw.

import { locale, make, moreWords, say } from './kit.js';
import { commitmentOf, notedOf, openDraw } from './draw-check.js';

const PACE_FROM_S = 10;

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

// How many people are ahead, and how many calls a minute the shown wait assumes. The wait ends with the visitor's own
// call; in whole seconds, a short one says nothing about the calls.
async function pace(event, { state, ahead, eta: { p50_s: waitS } }) {
  const { rate_per_s: rate } = await getJson(`/v1/queue/${event}/status`).catch(() => ({}));
  const perMinute = (60 * (ahead + 1) / waitS).toLocaleString(locale, { maximumSignificantDigits: 2 });
  const calls = state !== 'open' || rate === 0 ? 'more.why.still' : waitS >= PACE_FROM_S ? 'more.why.pace' : '';
  const people = say(ahead > 1 ? 'more.ahead' : `more.ahead-${ahead}`, ahead.toLocaleString(locale));
  return calls ? `${say(calls, perMinute)} ${people}` : people;
}

// Each lane has a draw of its own. `me`: null without a place.
export async function explain(at, event, entry, me) {
  const { lane, position } = me ?? { position: null };
  const draw = lane ? `fairness?lane=${encodeURIComponent(lane)}` : 'fairness';
  await moreWords();
  const about = [...(position === null ? [] : [await pace(event, me)]), say(position === null ? 'more.why.draw' : 'more.why.line'), say('more.why.place')];
  const tell = (lines) => at.replaceChildren(...[...about, ...lines].map((text) => make('p', {}, text)));
  tell([say('more.why.checking')]);
  try {
    const fairness = await getJson(`/v1/queue/${event}/${draw}`);
    const noted = notedOf(fairness);
    const lines = [];
    if (fairness.drawn) lines.push(...await check(fairness, { entry, position, noted }));
    else if (fairness.state !== 'pre-queue') lines.push(say('more.why.no-draw'));
    tell(lines);
    if (fairness.commitment && (position === null || fairness.entries > 0)) {
      at.append(make('p', {}, `${say('more.why.commitment')} `, make('code', {}, fairness.commitment)));
      if (!fairness.drawn && fairness.state === 'pre-queue') at.append(make('p', {}, say('more.why.waiting')));
      at.append(make('p', {}, make('a', { href: `/e/${event}/${draw}#entry=${entry}` }, say('more.why.page'))));
    }
  } catch {
    tell([say('more.why.failed')]);
  }
}
