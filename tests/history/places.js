// The places of the line (I6). Each rule is a sweep over the answers in the order of their time; none needs a search.
//
//   two-places       a place is one visitor's, and a visitor's place is one, as long as the line's store loses nothing;
//                    who was silent for so long that it counts as gone (`gone_after_us`) may have lost it
//   order-of-joins   a visitor who got a place before another even asked has the lower one. Entries in a draw
//                    likewise; places that a draw made of them have no order, but come before all that were joined for
//   jump             places are called in order: nobody is let in while somebody in front of them still waits
//   ahead-rose       fewer are ahead from one answer to the next, but for those in front who had been silent for so long
//                    that they counted as gone (`gone_after_us`), or of whom the history does not know
//
// A front's picture may be `lag_us` old without its saying so; what it says is stale proves nothing.

const of = (op, ...ops) => ({ ops: [...ops, op] });
const finding = (kind, what, more) => ({ invariant: 'I6', kind, what, ...more });

// ---- whose a place is ----

class Owners {
  byPlace = new Map();
  byVisitor = new Map();

  // `losses`: times at which the store lost something; what a visitor had before may be another's word after it.
  // `wasSilent(by, from, to)`: whether they counted as gone in between.
  constructor(losses, wasSilent) {
    this.losses = losses;
    this.wasSilent = wasSilent;
  }

  #mayHaveLost(op, now) {
    return this.losses.some((at) => at >= op.from && at <= now.to) || this.wasSilent(op.by, op.from, now.to);
  }

  claim(number, op, what) {
    const found = [];
    const first = this.byPlace.get(number);
    if (first === undefined) this.byPlace.set(number, op);
    else if (first.by !== op.by) found.push(finding('two-places', `${what} ${number} was given to ${first.by} and to ${op.by}`, of(op, first)));
    const own = this.byVisitor.get(op.by);
    if (own !== undefined && own.number !== number && !this.#mayHaveLost(own.op, op))
      found.push(finding('two-places', `${op.by} got ${what} ${own.number} and later ${number}`, of(op, own.op)));
    this.byVisitor.set(op.by, { number, op });
    return found;
  }
}

// -> (by, from, to): whether that visitor asked nothing for so long within that time that it counted as gone.
function silences(ops, goneAfterUs) {
  const asked = new Map(); // by visitor: the times at which it asked, in order
  for (const { by, from } of [...ops].sort((a, b) => a.from - b.from)) {
    if (!asked.has(by)) asked.set(by, []);
    asked.get(by).push(from);
  }
  return (by, from, to) => {
    const times = [...asked.get(by).filter((at) => at >= from && at < to), to];
    return times.some((at, nth) => nth > 0 && at - times[nth - 1] >= goneAfterUs);
  };
}

// ---- the order of joins ----

// Sweeps calls and answers: the highest number that was given before each call.
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

// A visitor's joins are one, from when it was first asked for to the first answer: the place may be the work of a call
// whose answer was lost.
function firstOf(joins, ops) {
  const asked = new Map();
  for (const { op, by, from } of ops) if (op === 'join') asked.set(by, Math.min(from, asked.get(by) ?? from));
  const first = new Map([...joins].reverse().map((op) => [`${op.by} ${op.place !== undefined}`, op]));
  return [...first.values()].map((op) => ({ ...op, from: asked.get(op.by) }));
}

// Places that a draw made come before all places that were joined for.
function drawnFirst(drawn, joined) {
  const lowest = joined.reduce((low, op) => (low === null || op.place < low.place ? op : low), null);
  return drawn.filter((op) => lowest !== null && op.place > lowest.place)
    .map((op) => finding('order-of-joins', `${op.by} drew place ${op.place}, behind ${lowest.place} that was joined for`, of(op, lowest)));
}

// ---- jumps ----

// From the end backwards, with the lowest place that still waited later.
function jumps(enters, looks, lagUs) {
  const waits = looks.filter(({ waiting, stale }) => waiting && !stale).sort((a, b) => a.from - b.from);
  const found = [];
  let next = waits.length;
  let lowest = null;
  for (const op of [...enters].sort((a, b) => b.to - a.to)) {
    for (; next > 0 && waits[next - 1].from - lagUs >= op.to; next -= 1)
      if (lowest === null || waits[next - 1].place < lowest.place) lowest = waits[next - 1];
    if (lowest !== null && lowest.place <= op.place)
      found.push(finding('jump', `${op.by} with place ${op.place} was let in, and ${lowest.by} with place ${lowest.place} waited still`, of(op, lowest)));
  }
  return found;
}

// ---- how many are ahead ----

// Places whose owners spoke at least so often that they never counted as gone, in order.
function steadyPlaces(ops, goneAfterUs, endUs) {
  const heard = new Map(); // by visitor: {place, last, silent}
  for (const op of [...ops].sort((a, b) => a.from - b.from)) {
    if (op.place === undefined || op.answer !== 'ok') continue;
    const one = heard.get(op.by) ?? { place: op.place, last: op.from, silent: false };
    if (op.to - one.last >= goneAfterUs) one.silent = true;
    one.last = op.from;
    one.inside ||= op.op === 'enter' || op.waiting === false;
    heard.set(op.by, one);
  }
  const all = [...heard.values()];
  return all.filter(({ silent, inside, last }) => !silent && (inside || endUs - last < goneAfterUs)).map(({ place }) => place).sort((a, b) => a - b);
}

// How many of a list, in whose beginning `is` holds.
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

// The fewest people ahead of a visitor so far, at each answer.
class Told {
  least = [];

  add(op) {
    const last = this.least.at(-1);
    this.least.push({ to: op.to, op: last === undefined || op.ahead < last.op.ahead ? op : last.op });
  }

  // The fewest of those answers that had come by then.
  by(at) {
    const n = countOf(this.least, ({ to }) => to <= at);
    return n > 0 ? this.least[n - 1].op : undefined;
  }
}

// Held against answers so old that this one is surely of a later picture.
function rises(looks, steady, came, lagUs) {
  const found = [];
  const told = new Map();
  for (const op of looks.filter(({ waiting, stale }) => waiting && !stale).sort((a, b) => a.to - b.to)) {
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

// How far the line had surely come by each moment.
function reachedBy(enters) {
  const sorted = [...enters].sort((a, b) => a.to - b.to);
  let most = 0;
  const steps = sorted.map(({ to, place }) => ({ to, place: (most = Math.max(most, place)) }));
  return (at) => {
    const n = countOf(steps, ({ to }) => to <= at);
    return n > 0 ? steps[n - 1].place : 0;
  };
}

// -> {judged, found}
export function judgePlaces({ settings, ops, facts }) {
  const good = ops.filter(({ answer }) => answer === 'ok');
  const joins = good.filter(({ op }) => op === 'join').sort((a, b) => a.to - b.to);
  const looks = good.filter(({ op }) => op === 'look');
  const enters = good.filter(({ op }) => op === 'enter');
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
  const drew = new Set(joins.filter(({ entry }) => entry !== undefined).map(({ by }) => by));
  const joined = firsts.filter(({ by, place }) => place !== undefined && !drew.has(by));
  const drawn = firsts.filter(({ by, place }) => place !== undefined && drew.has(by));
  found.push(...ordered(joined, ({ place }) => place, 'place'));
  found.push(...ordered(firsts.filter(({ entry }) => entry !== undefined), ({ entry }) => entry, 'entry'));
  found.push(...drawnFirst(drawn, joined));
  found.push(...jumps(enters, looks, settings.lag_us));
  const endUs = ops.reduce((last, { from, to }) => Math.max(last, to ?? from), 0);
  const steady = steadyPlaces(ops, settings.gone_after_us, endUs);
  found.push(...rises(looks, steady, reachedBy(enters), settings.lag_us));
  return { judged: joins.length + looks.length + enters.length, found };
}
