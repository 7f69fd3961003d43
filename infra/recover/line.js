// line.js: failures of Redis, and how the line recovers. In each case people join and wait; then every visitor's place is
// queried again. A place that changed or was given twice is a finding (visitors.js). The result is as in database.js.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { come } from './database.js';
import { ageOf } from './record.js';

const WAITING = { poll: 15, join: 3, picture: 0, hold: 0, buy: 0 };
const ENOUGH = 40; // places
const MORE = 20; // given after a copy was made

const fairgate = (place, ...words) => execFileSync(join(place.bin, 'fairgate'), words, { encoding: 'utf8', env: { ...process.env, FAIRGATE_PROFILES: join(place.stack.dir, 'fairgate.profiles') } });

// Existing places must not have changed.
function judged(visitors, record, at, rtoMs, displaced, told = []) {
  const lost = displaced.map(({ position, said }) => ({ ...record.of('place').find((each) => each.position === position), said }));
  return { lost, rpoMs: ageOf(lost, at), rtoMs, findings: [...visitors.findings, ...displaced.map(({ position, said }) => `place ${position} is now ${said}`)], told };
}

// `break_`: breaks the line and repairs it, until places are available again.
async function kept(place, break_, before = async () => {}) {
  const { record, visitors } = come(place, WAITING, place.waiting);
  await record.until('place', ENOUGH);
  const from = Date.now();
  const had = await before();
  if (had !== undefined) await record.until('place', MORE, from);
  const at = Date.now();
  await break_(had);
  const opened = Date.now();
  await record.until('place', 1, opened);
  const rtoMs = record.of('place', opened)[0].at - at;
  await record.until('place', MORE, opened);
  await visitors.go();
  return judged(visitors, record, at, rtoMs, await visitors.displaced(), [`${visitors.places} places`]);
}

const killed = (place) => kept(place, async () => {
  await place.kill('redis');
  place.begin('redis');
});

const emptied = (place) => kept(place, async () => {
  await place.kill('redis');
  place.wipeRedis();
  place.begin('redis');
});

// With the edge shut, as queue-front's README says: no visitor gets "unknown event".
async function allGone(place, restore) {
  await place.kill('edge', 'redis', ...place.fronts);
  place.wipeRedis();
  await restore();
}

async function frontsBack(place) {
  place.begin(...place.fronts);
  await place.serving();
}

const copies = async (place) => {
  const folder = join(place.dir, 'copies');
  return (await place.recover('line-save', folder)).split('\n');
};

const copied = (place) => kept(place, (saved) => allGone(place, async () => {
  await place.recover('line-load', saved.find((path) => path.endsWith('.rdb')));
  place.begin('redis');
  await frontsBack(place);
  place.begin('edge');
}), () => copies(place));

const archives = (place, saved) => [place.event, place.waiting].map((event) => [event, saved.find((path) => path.includes(`/event-${event}-`))]);

const archived = (place) => kept(place, (saved) => allGone(place, async () => {
  place.begin('redis');
  await frontsBack(place);
  for (const [event, file] of archives(place, saved)) {
    fairgate(place, 'restore', event, file, '--why', 'drill');
    await place.knows(event);
  }
  place.begin('edge');
}), () => copies(place));

// No front that remembers, no copy, no archive. The event is created again as a new incarnation: old tickets must not give
// wrong places in it, and all visitors have to join again.
async function nothingLeft(place) {
  const { record, visitors } = come(place, WAITING, place.waiting);
  await record.until('place', ENOUGH);
  const at = Date.now();
  await allGone(place, async () => {
    await visitors.giveUp();
    place.begin('redis');
    await frontsBack(place);
    for (const event of [place.event, place.waiting]) {
      fairgate(place, 'create', event, 'rate_per_s=50', 'burst=50', 'joins_per_ip_per_min=10000', 'pow_bits=0');
      fairgate(place, 'open', event, '--without', 'hall', '--why', 'drill');
      await place.knows(event);
    }
    place.begin('edge');
  });
  const others = come(place, WAITING, place.waiting);
  await others.record.until('place', 1);
  const rtoMs = others.record.of('place')[0].at - at;
  await others.visitors.go();
  const result = judged(visitors, record, at, rtoMs, await visitors.displaced());
  const wrong = result.lost.filter(({ said }) => said !== '401 event-renewed');
  const told = [`all ${visitors.places} got event-renewed, and may join anew`];
  return { ...result, findings: [...wrong.map(({ position, said }) => `place ${position} is now ${said}`), ...others.visitors.findings], told: wrong.length === 0 ? told : [] };
}

export const CASES = [
  { name: 'line: Redis is killed, its append-only file is left', promise: 'every place is kept', run: killed },
  { name: 'line: Redis has lost everything, a front lives', promise: 'every place is kept', run: emptied },
  { name: 'line: Redis and all fronts are gone, a copy is loaded', promise: 'every place is kept', run: copied },
  { name: 'line: Redis and all fronts are gone, archives alone', promise: 'every place is kept', run: archived },
  { name: 'line: Redis, fronts and copies are gone', promise: 'nobody sees a wrong place', run: nothingLeft },
];
