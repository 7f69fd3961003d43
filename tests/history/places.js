// Checks places in the line (I6). Each rule is one sweep over the answers in order of time; none needs a search.
//
//   two-places       a place has one visitor. A visitor has one place, unless the line's store lost data or the visitor
//                    was silent for `gone_after_us` and may count as gone
//   order-of-joins   a visitor who got a place before another one asked has the lower place. The same for entries in a
//                    draw. The places that a draw assigns have no such order, but precede all places of joins
//   jump             once a visitor was called or let in, no later answer shows the line before that visitor's place
//   rate             the line never moves faster than the operator allows
//   ahead-rose       the number ahead does not rise, except by people ahead who may have counted as gone and come back,
//                    or whom the history does not know
//
// A front's picture may be up to `lag_us` old without a mark. An answer marked as stale proves nothing.

const REFILL_CAP_S = 0.25; // a stall of the ticks makes up for at most this

const of = (op, ...ops) => ({ ops: [...ops, op] });
const finding = (kind, what, more) => ({ invariant: 'I6', kind, what, ...more });

// ---- the owner of a place ----

class Owners {
  byPlace = new Map();
  byVisitor = new Map();

  // `losses`: times at which the store lost data; after one of them a visitor may get another place.
  // `wasSilent(by, from, to)`: whether the visitor counted as gone in between.
  constructor(losses, wasSilent) {
    this.losses = losses;
    this.wasSilent = wasSilent;
  }

  #mayHaveLost(op, now) {
    return this.losses.some((at) => at >= op.from && at <= now.to) || this.wasSilent(op.by, op.from, now.to);
  }

  claim(number, op, what) {
    const found = [];
    const own = this.byVisitor.get(op.by);
    if (own !== undefined && own.number !== number && !this.#mayHaveLost(own.op, op))
      found.push(finding('two-places', `${op.by} got ${what} ${own.number} and later ${number}`, of(op, own.op)));
    const first = this.byPlace.get(number);
    if (first === undefined) this.byPlace.set(number, op);
    else if (first.by !== op.by) found.push(finding('two-places', `${what} ${number} was given to ${first.by} and to ${op.by}`, of(op, first)));
    this.byVisitor.set(op.by, { number, op });
    return found;
  }
}

// -> (by, from, to): whether that visitor was silent for `goneAfterUs` within that time, and may have counted as gone.
function silences(ops, goneAfterUs) {
  return (by, from, to) => {
    const asked = ops.filter((op) => op.by === by && op.from >= from && op.from < to).map((op) => op.from).sort((a, b) => a - b);
    const times = [...asked, to];
    return times.some((at, nth) => nth > 0 && at - times[nth - 1] >= goneAfterUs);
  };
}

// ---- the order of joins ----

// Sweeps calls and responses: finds the highest number given before each call.
function ordered(joins, number, what) {
  const calls = [...joins].sort((a, b) => a.from - b.from);
  const answers = [...joins].sort((a, b) => a.to - b.to);
  const found = [];
  let next = 0;
  let highest = null;
  for (const op of calls) {
    for (; next < answers.length && answers[next].to < op.from; next += 1)
      if (highest === null || number(answers[next]) > number(highest)) highest = answers[next];
    if (highest !== null && number(highest) > number(op))
      found.push(finding('order-of-joins', `${highest.by} got ${what} ${number(highest)} before ${op.by} asked, who got ${number(op)}`, of(op, highest)));
  }
  return found;
}

// Merges a visitor's joins into one, from the first request to the first response: the place may come from a call whose
// response was lost.
function firstOf(joins, ops) {
  const asked = new Map();
  for (const { op, by, from } of ops) if (op === 'join') asked.set(by, Math.min(from, asked.get(by) ?? from));
  const first = new Map([...joins].reverse().map((op) => [`${op.by} ${op.place !== undefined}`, op]));
  return [...first.values()].map((op) => ({ ...op, from: asked.get(op.by) }));
}

// Places from a draw come before all places that visitors joined for.
function drawnFirst(drawn, joined) {
  const lowest = joined.reduce((low, op) => (low === null || op.place < low.place ? op : low), null);
  return drawn.filter((op) => lowest !== null && op.place > lowest.place)
    .map((op) => finding('order-of-joins', `${op.by} drew place ${op.place}, behind ${lowest.place} that was joined for`, of(op, lowest)));
}

// ---- how far the line had come ----

const isSeen = ({ waiting, stale }) => waiting && !stale;
const inTime = (a, b) => a.at - b.at || a.place - b.place;

// A visitor who is called or let in shows that the line had reached their place.
const floorsOf = (ops) => ops.map((op) => ({ at: op.to, place: op.place, op })).sort(inTime);

// A waiting visitor shows that the line had not reached their place; with `exact` responses, nor the place before the
// visitors ahead of them. A join shows that the line had not reached its place; before a draw nobody is called.
const ceilingsOf = (joined, entered, looks, { exact, lag_us: lagUs }) => [
  ...joined.filter(() => exact).map((op) => ({ at: op.from, place: op.place - 1, op })),
  ...entered.filter(() => exact).map((op) => ({ at: op.from, place: 0, op })),
  ...looks.filter(isSeen).map((op) => ({ at: op.from - lagUs, place: Math.max(0, op.place - 1 - (exact ? op.ahead : 0)), op })),
].sort(inTime);

// Sweeps backwards with the lowest later ceiling.
function jumps(ceilings, floors) {
  const found = [];
  let next = ceilings.length;
  let lowest = null;
  for (const floor of floors.toReversed()) {
    for (; next > 0 && ceilings[next - 1].at >= floor.at; next -= 1)
      if (lowest === null || ceilings[next - 1].place < lowest.place) lowest = ceilings[next - 1];
    if (lowest !== null && floor.place > lowest.place)
      found.push(finding('jump', `${floor.op.by} with place ${floor.place} was let in; ${((lowest.at - floor.at) / 1e6).toFixed(1)} s later the line had come to ${lowest.place} at most, as ${lowest.op.by} saw`, of(floor.op, lowest.op)));
  }
  return found;
}

// Between a ceiling and a later floor the line moved at least this far. It moves for free past people who left, people
// who may count as gone, and unknown places. Every other place costs a token, of which there are rate * (T + 0.25 s) +
// burst in any window of T seconds (queue-front/lua/tick.lua).
function tooFast(ceilings, floors, paying, { rate_milli: rateMilli, burst }) {
  if (rateMilli === undefined || ceilings.length === 0) return [];
  const rate = rateMilli / 1000;
  const calls = (place) => countOf(paying, (one) => one <= place);
  // Tokens that the line certainly spent, less those that the time brought.
  const paid = ({ at, place }) => calls(place) - (rate * (at - ceilings[0].at)) / 1e6;
  let [from, low, most, worst, next] = [null, 0, 1e-7, null, 0];
  for (const floor of floors) {
    for (; next < ceilings.length && ceilings[next].at <= floor.at; next += 1) {
      const at = paid(ceilings[next]);
      if (from !== null && at >= low) continue;
      low = at;
      from = ceilings[next];
    }
    const over = from === null ? 0 : paid(floor) - low - burst - rate * REFILL_CAP_S;
    if (over <= most) continue;
    most = over;
    worst = { from, floor };
  }
  if (worst === null) return [];
  const seconds = (worst.floor.at - worst.from.at) / 1e6;
  return [finding('rate', `within ${seconds.toFixed(2)} s the line came from ${worst.from.place} at most to ${worst.floor.place}: ` +
    `${calls(worst.floor.place) - calls(worst.from.place)} calls; ${(rate * (seconds + REFILL_CAP_S) + burst).toFixed(1)} were allowed`, of(worst.floor.op, worst.from.op))];
}

// ---- how many are ahead ----

// Ordered places whose owners cannot return (`steady`): they left, or polled so often that they never counted as gone.
// The line pays for those who did not leave.
function ownedPlaces(ops, goneAfterUs, endUs) {
  const heard = new Map(); // by visitor: {place, last, silent, inside}
  for (const op of [...ops].sort((a, b) => a.from - b.from)) {
    if (op.place === undefined || op.answer !== 'ok') continue;
    const one = heard.get(op.by) ?? { place: op.place, last: op.from, silent: false, inside: false };
    if (!one.inside && op.to - one.last >= goneAfterUs) one.silent = true;
    one.last = op.from;
    one.inside ||= op.op === 'called' || op.op === 'enter' || op.waiting === false;
    heard.set(op.by, one);
  }
  const left = new Set(ops.filter(({ op }) => op === 'leave').map(({ by }) => by));
  for (const { by } of ops.filter(({ op }) => op === 'enter')) left.delete(by);
  const placesOf = (is) => [...new Set([...heard].filter(is).map(([, { place }]) => place))].sort((a, b) => a - b);
  const isHere = ({ silent, inside, last }) => !silent && (inside || endUs - last < goneAfterUs);
  return { steady: placesOf(([by, one]) => left.has(by) || isHere(one)), paying: placesOf(([by, one]) => !left.has(by) && isHere(one)) };
}

// Length of the prefix of a list for which `is` holds.
function countOf(list, is) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (is(list[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}

const below = (sorted, place) => countOf(sorted, (one) => one < place);

// The fewest people ahead of a visitor so far, at each response.
class Told {
  least = [];

  add(op) {
    const last = this.least.at(-1);
    this.least.push({ to: op.to, op: last === undefined || op.ahead < last.op.ahead ? op : last.op });
  }

  // The fewest among the responses that had come by then.
  by(at) {
    const n = countOf(this.least, ({ to }) => to <= at);
    return n > 0 ? this.least[n - 1].op : undefined;
  }
}

// Compares with responses so old that this one certainly shows a later picture.
function rises(looks, steady, came, lagUs) {
  const found = [];
  const told = new Map();
  for (const op of looks.filter(isSeen).sort((a, b) => a.to - b.to)) {
    const whose = `${op.by} ${op.place}`;
    if (!told.has(whose)) told.set(whose, new Told());
    const least = told.get(whose).by(op.from - lagUs);
    told.get(whose).add(op);
    if (least === undefined || op.ahead <= least.ahead) continue;
    const from = Math.min(came(least.to), op.place - 1);
    const others = op.place - 1 - from - (below(steady, op.place) - below(steady, from + 1));
    if (op.ahead - least.ahead > others)
      found.push(finding('ahead-rose', `${op.by} with place ${op.place} had ${least.ahead} ahead and later ${op.ahead}; ${others} can have come back`, of(op, least)));
  }
  return found;
}

// How far the line had certainly come by each moment.
function cameBy(floors) {
  let most = 0;
  const steps = floors.map(({ at, place }) => ({ at, place: (most = Math.max(most, place)) }));
  return (at) => {
    const n = countOf(steps, (step) => step.at <= at);
    return n > 0 ? steps[n - 1].place : 0;
  };
}

// -> {judged, found}
export function judgePlaces({ settings, ops, facts }) {
  const good = ops.filter(({ answer }) => answer === 'ok');
  const joins = good.filter(({ op }) => op === 'join').sort((a, b) => a.to - b.to);
  const looks = good.filter(({ op }) => op === 'look');
  const reached = good.filter(({ op }) => op === 'called' || op === 'enter');
  const losses = facts.filter(({ fact }) => fact === 'loss').map(({ at }) => at);
  const wasSilent = silences(ops, settings.gone_after_us);
  const places = new Owners(losses, wasSilent);
  const entries = new Owners(losses, wasSilent);
  const found = [];
  for (const op of joins) {
    if (op.entry !== undefined) found.push(...entries.claim(op.entry, op, 'entry'));
    if (op.place !== undefined) found.push(...places.claim(op.place, op, 'place'));
  }
  const firsts = firstOf(joins, ops);
  const entered = firsts.filter(({ entry }) => entry !== undefined);
  const drew = new Set(entered.map(({ by }) => by));
  const joined = firsts.filter(({ by, place }) => place !== undefined && !drew.has(by));
  const drawn = firsts.filter(({ by, place }) => place !== undefined && drew.has(by));
  found.push(...ordered(joined, ({ place }) => place, 'place'));
  found.push(...ordered(entered, ({ entry }) => entry, 'entry'));
  found.push(...drawnFirst(drawn, joined));
  const ceilings = ceilingsOf(joined, entered, looks, settings);
  const floors = floorsOf(reached);
  const endUs = ops.reduce((last, { from, to }) => Math.max(last, to ?? from), 0);
  const { steady, paying } = ownedPlaces(ops, settings.gone_after_us, endUs);
  found.push(...jumps(ceilings, floors), ...tooFast(ceilings, floors, paying, settings), ...rises(looks, steady, cameBy(floors), settings.lag_us));
  return { judged: joins.length + looks.length + reached.length, found };
}
