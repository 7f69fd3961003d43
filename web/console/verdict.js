// verdict.js: the state of the sale, from everything the console knows: the alarms, worst first, and the verdict. That
// is fine, look, broken, or rest if nothing is on sale. Each rule is a row: when it holds, what it says, and where the
// operator can act on it. A rule whose figure is missing does not hold. Parts that do not answer have their own rules
// (silent, down).

// All thresholds, in one place.
export const LIMITS = {
  silent_ms: 10_000, // without responses for this long, the page shows old data
  front_ms: 5000, // since a front's last read of Redis; it makes two a second
  opens_late_ms: 30_000,
  stalled_ms: 60_000, // nobody is called although visitors wait and there is room
  errors_look: 1, // 5xx responses per minute, of one part
  errors_broken: 60,
  failing: 5, // failed payments in a minute
  show_up: 0.5,
  show_up_of: 20, // called per minute; with fewer, a share means little
  quiet_ms: 300_000, // nobody completes an order although many are inside
  quiet_inside: 20,
  full: 0.98, // some places are for latecomers, and no figure counts those
  clock_ms: 1000,
};

const SELLING = ['open', 'paused', 'frozen', 'pre-queue'];
const RESTING = ['draft', 'scheduled', 'sold-out', 'closed'];

// {key, values, where}: `values` fill the phrase `alarm.KEY`; {word} and {shut} have their own phrases.
const rule = (level, key, where, holds) => ({ level, key, where, holds });

const partsOf = (facts, test) => facts.parts.filter(test).map(({ name, reason }) => [{ word: `part.${name}`, otherwise: name }, reason ?? '']);
const vital = (name) => ['queue', 'seats', 'pay'].includes(name);
const isDown = ({ ready }) => !ready;
const worst = (errors, least, most = Infinity) => Object.entries(errors).filter(([, perMin]) => perMin >= least && perMin < most).map(([name, perMin]) => [{ word: `part.${name}`, otherwise: name }, perMin]);
const once = (holds, ...values) => (holds ? [values] : []);
// A full event calls nobody until visitors leave.
export const isFull = ({ doc, live }) => doc.max_active > 0 && live.active + live.outstanding >= Math.ceil(LIMITS.full * doc.max_active);
// When the line opens by itself at the latest; NaN: it does not, or that is not known. A draw waits for its beacon; the
// list of events does not know the beacon.
function opensBy({ doc: { state, opens_at: at, beacon } }) {
  if (state === 'scheduled') return Date.parse(at);
  if (state !== 'pre-queue' || beacon === undefined) return NaN;
  const waits = beacon !== null && beacon.kind !== 'none';
  return waits ? Date.parse(beacon.at ?? at) + beacon.late_s * 1000 : Date.parse(at);
}
const isOpen = ({ doc }) => doc.state === 'open';
const isStill = ({ pace }) => pace.called !== null && Math.round(pace.called) === 0;

const RULES = [
  rule('broken', 'silent', 'parts', (f) => once(f.silentMs >= LIMITS.silent_ms, f.home, Math.round(f.silentMs / 1000))),
  rule('broken', 'shut', 'parts', (f) => once(Boolean(f.shut), { shut: f.shut })),
  rule('broken', 'stale', 'parts', (f) => once(f.live.stale)),
  rule('broken', 'down.seats', 'parts', (f) => once(f.parts.some((part) => part.name === 'seats' && isDown(part)))),
  rule('broken', 'down.pay', 'parts', (f) => once(f.parts.some((part) => part.name === 'pay' && isDown(part)))),
  rule('broken', 'down.queue', 'parts', (f) => once(f.silentMs < LIMITS.silent_ms && f.parts.some((part) => part.name === 'queue' && isDown(part)))),
  rule('broken', 'no-hall', 'seats', (f) => once(f.live.hall_missing)),
  rule('broken', 'out', 'parts', (f) => partsOf(f, ({ reason }) => Boolean(reason))),
  rule('broken', 'visits-halted', 'parts', (f) => once(f.live.visits_halted)),
  rule('broken', 'codes-missing', 'codes', (f) => once(f.live.codes_missing > 0, f.live.codes_missing)),
  rule('broken', 'opens-late', 'knobs', (f) => once(f.now - opensBy(f) > LIMITS.opens_late_ms)),
  rule('broken', 'stalled', 'knobs', (f) => once(f.stalledMs >= Math.max(LIMITS.stalled_ms, 5000 / (f.live.rate_per_s || 1)), f.live.waiting)),
  rule('broken', 'errors', 'parts', (f) => worst(f.errors, LIMITS.errors_broken)),
  rule('broken', 'failing', 'orders', (f) => once(f.orders !== null && f.orders.failed >= LIMITS.failing && f.orders.failed > f.orders.completed, f.orders?.failed)),
  rule('look', 'frozen', 'live', (f) => once(f.doc.state === 'frozen')),
  rule('look', 'paused', 'live', (f) => once(f.doc.state === 'paused', f.live.waiting)),
  rule('look', 'rate-zero', 'knobs', (f) => once(isOpen(f) && f.live.rate_per_s === 0 && f.live.waiting > 0, f.live.waiting)),
  rule('look', 'no-seats', 'seats', (f) => once(isOpen(f) && f.seats?.free === 0 && f.seats.held === 0 && f.live.waiting > 0, f.live.waiting)),
  rule('look', 'full', 'live', (f) => once(isOpen(f) && isFull(f) && isStill(f) && f.live.rate_per_s > 0 && f.live.waiting > 0, f.doc.max_active, f.live.waiting)),
  rule('look', 'quiet', 'orders', (f) => once(isOpen(f) && f.quietMs >= LIMITS.quiet_ms && f.live.active >= LIMITS.quiet_inside, f.live.active, Math.round(f.quietMs / 60_000))),
  rule('look', 'parked', 'orders', (f) => once(f.orders?.parked > 0, f.orders?.parked)),
  rule('look', 'drift', 'orders', (f) => once(f.drift > 0, f.drift)),
  rule('look', 'errors', 'parts', (f) => worst(f.errors, LIMITS.errors_look, LIMITS.errors_broken)),
  rule('look', 'front-silent', 'parts', (f) => f.fronts.filter(({ silent_ms: ms }) => ms >= LIMITS.front_ms).map(({ place, silent_ms: ms }) => [{ word: `front.${place}`, otherwise: place }, Math.round(ms / 1000)])),
  rule('look', 'down.other', 'parts', (f) => partsOf(f, (part) => !vital(part.name) && isDown(part))),
  rule('look', 'late', 'knobs', (f) => once(isOpen(f) && f.plan?.kind === 'late', Math.round((f.plan?.byMs ?? 0) / 60_000))),
  rule('look', 'clock-ahead', 'parts', (f) => once(f.live.clock_ahead_ms >= LIMITS.clock_ms, Math.round(f.live.clock_ahead_ms / 1000))),
  rule('look', 'clock-behind', 'parts', (f) => once(f.live.clock_behind_ms >= LIMITS.clock_ms, Math.round(f.live.clock_behind_ms / 1000))),
  rule('look', 'show-up', 'knobs', (f) => once(isOpen(f) && !f.live.lanes && f.pace.called >= LIMITS.show_up_of && f.live.show_up < LIMITS.show_up, { share: f.live.show_up })),
];

// ---- waiting rooms ----

const LOST = 'fg_lost';
const store = globalThis.sessionStorage; // none in tests
const lost = new Map(JSON.parse(store?.getItem(LOST) ?? '[]')); // silent ones, by place -> {since, meant}
const keepLost = () => store?.setItem(LOST, JSON.stringify([...lost])); // a reload forgets none

// All waiting rooms, with those that fell silent: the service forgets one after a quarter of an hour. Here it stays
// until an operator says that it is meant to be gone. One that leaves in order was not silent before. If several
// are listed and all are silent, Redis is away, which says nothing of any of them.
export function frontsKept(listed, now = Date.now()) {
  const isOutage = listed.length > 1 && listed.every(({ silent_ms: ms }) => ms >= LIMITS.front_ms);
  for (const { place, silent_ms: ms } of listed) {
    if (ms < LIMITS.front_ms) lost.delete(place);
    else if (!isOutage && !lost.has(place)) lost.set(place, { since: now - ms, meant: false });
  }
  keepLost();
  const silent = [...lost].filter(([, { meant }]) => !meant).map(([place, { since }]) => ({ place, silent_ms: now - since }));
  return [...listed.filter(({ place }) => !lost.has(place)), ...silent];
}
export function frontGone(place) {
  lost.set(place, { ...lost.get(place), meant: true });
  keepLost();
}

// The section of the runbook for each alarm.
export const TODO = {
  silent: 'FairgateDown', shut: 'FairgateEventShut', stale: 'FairgateLineStale', 'down.seats': 'FairgateDown', 'down.pay': 'FairgateDown', 'down.queue': 'FairgateDown',
  'down.other': 'FairgateDown', 'front-silent': 'FairgateDown', 'no-hall': 'FairgateHallMissing', out: 'FairgateEventOut', 'visits-halted': 'FairgateVisitsHalted',
  'codes-missing': 'FairgateCodesMissing', 'opens-late': 'FairgateOpeningPassed', stalled: 'Nobody is called', errors: 'FairgateErrors', failing: 'Orders do not go through',
  frozen: 'Nobody is called', paused: 'Nobody is called', 'rate-zero': 'Nobody is called', 'no-seats': 'The hall is full', full: 'The hall is full',
  quiet: 'Orders do not go through', parked: 'FairgateSagasParked', drift: 'FairgateDrift', late: 'The line ends late', 'clock-ahead': 'FairgateClockOff',
  'clock-behind': 'FairgateClockOff', 'show-up': 'Few of those called come',
};

// A consequence is no alarm of its own: it is counted at its cause. "errors:seats" is about that part only.
const SLOWER = ['stalled', 'quiet', 'failing', 'late', 'full', 'show-up'];
const FOLLOWS = {
  stale: ['opens-late', 'codes-missing', 'rate-zero', 'visits-halted', 'errors:queue', 'down.queue', ...SLOWER],
  'down.seats': ['no-hall', 'no-seats', 'visits-halted', 'errors:seats', 'out:seats', ...SLOWER],
  'down.pay': ['parked', 'drift', 'errors:pay', 'out:pay', ...SLOWER],
  'no-hall': ['no-seats', 'visits-halted', ...SLOWER],
  'out:seats': ['no-seats', 'visits-halted', ...SLOWER],
};
const fullName = ({ key, values: [first] }) => (['errors', 'out'].includes(key) ? `${key}:${first.word.slice('part.'.length)}` : key);
const follows = (cause, one) => cause !== one && (cause.key === 'silent' || (FOLLOWS[fullName(cause)] ?? []).includes(fullName(one)));

// What is wrong now, worst first: [{level, key, values, where}], plus `hides`, the alarms that follow from it, if any.
export function alarms(facts) {
  const found = RULES.flatMap(({ level, key, where, holds }) => holds(facts).map((values) => ({ level, key, values, where })));
  const causes = found.filter((one) => !found.some((cause) => follows(cause, one)));
  return causes.map((cause) => {
    const hides = found.filter((one) => follows(cause, one));
    return hides.length === 0 ? cause : { ...cause, hides };
  });
}

// {level, key, values}: the line at the top. In a draft or closed event nothing is broken for buyers: it only needs a
// look.
export function verdict(facts, found = alarms(facts)) {
  const [first] = found;
  const { state } = facts.doc;
  if (first !== undefined) return { ...first, level: ['draft', 'closed'].includes(state) ? 'look' : first.level };
  if (RESTING.includes(state)) return { level: 'rest', key: state, values: [facts.doc.opens_at ? { time: facts.doc.opens_at } : ''] };
  if (state === 'pre-queue' && facts.now >= Date.parse(facts.doc.opens_at)) return { level: 'fine', key: 'pre-queue-closed', values: [] };
  const isCalm = state === 'pre-queue' || facts.live.waiting === 0;
  if (!isCalm && isFull(facts)) return { level: 'fine', key: 'open-full', values: [facts.live.waiting, facts.doc.max_active] };
  if (!isCalm && isOpen(facts) && isStill(facts)) return { level: 'fine', key: 'open-slow', values: [facts.live.waiting] };
  return { level: 'fine', key: SELLING.includes(state) && isCalm ? `${state}-calm` : state, values: [facts.live.waiting, Math.round(facts.pace.called ?? facts.live.service_rate_per_s * 60)] };
}
