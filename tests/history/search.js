// Checks whether operations on a few seats are linearizable: whether each can have taken effect at one moment between
// its call and its response. The search is Wing and Gong's in Lowe's lazy form: only a response forces an operation to
// have happened, and just before it the operations called by then may have happened as well, in any order. The
// possible states of the seats are a set of pictures. A response that leaves no picture contradicts the earlier ones.
//
// Some changes are unseen: a hold expires, a call without a response takes effect after all, a saga outside the history
// continues. They happen at any time from some moment on, or never. Such calls are therefore moments (`from`) instead
// of operations, which keeps the pictures few. A hold request without a response is left out: it need not have
// happened, and could only be in the way of others.
//
// A hold is a number; seats are bits. A hold's state: its phase, its seats, and its promised end.

export const NONE = 0; // not requested yet
export const HELD = 1;
export const SOLD = 2;
export const KEPT = 3; // sold, with tickets issued: no saga reverses that
export const GONE = 4; // it expired or its owner gave it back: a sale may still take the same seats
export const ENDED = 5; // its order gave it back for good

const live = (how) => how === HELD || how === SOLD || how === KEPT;

// ---- a picture ----

const pictureOf = (len) => ({ how: new Uint8Array(len), seats: new Int32Array(len), until: new Float64Array(len), done: [] });

function keyOf(picture) {
  let key = picture.done.join();
  for (let h = 0; h < picture.how.length; h += 1)
    if (picture.how[h] !== NONE) key += `|${h}:${picture.how[h]}:${picture.seats[h]}:${picture.until[h]}`;
  return key;
}

function taken(picture) {
  let seats = 0;
  for (let h = 0; h < picture.how.length; h += 1) if (live(picture.how[h])) seats |= picture.seats[h];
  return seats;
}

function changed(picture, h, how, seats = picture.seats[h], until = picture.until[h]) {
  const next = { how: picture.how.slice(), seats: picture.seats.slice(), until: picture.until.slice(), done: picture.done };
  next.how[h] = how;
  next.seats[h] = seats;
  next.until[h] = until;
  return next;
}

// ---- the effect of an operation; null: its response is impossible in this picture ----

function sell(picture, h) {
  const how = picture.how[h];
  if (how === SOLD || how === KEPT) return picture;
  const again = how === GONE && (taken(picture) & picture.seats[h]) === 0;
  return how === HELD || again ? changed(picture, h, SOLD) : null;
}

const DOES = {
  hold: (picture, { h, seats, until }) =>
    (picture.how[h] === NONE && (taken(picture) & seats) === 0 ? changed(picture, h, HELD, seats, until) : null),
  change(picture, { h, add, remove }) {
    const has = picture.seats[h];
    const fits = picture.how[h] === HELD && (has & remove) === remove && (taken(picture) & add) === 0;
    return fits ? changed(picture, h, HELD, (has & ~remove) | add) : null;
  },
  release: (picture, { h }) => (picture.how[h] === HELD ? changed(picture, h, GONE) : null),
  extend: (picture, { h, until }) =>
    (picture.how[h] === HELD ? changed(picture, h, HELD, picture.seats[h], until ?? picture.until[h]) : live(picture.how[h]) ? picture : null),
  confirm: (picture, { h }) => sell(picture, h),
  giveback: (picture, { h }) => (picture.how[h] === SOLD || picture.how[h] === KEPT ? null : changed(picture, h, ENDED)),
  refund: (picture, { h }) => changed(picture, h, ENDED),
  gone: (picture, { h }) => (live(picture.how[h]) ? null : picture),
  ticket: (picture, { h }) => (picture.how[h] === SOLD || picture.how[h] === KEPT ? changed(picture, h, KEPT) : null),
  sold: (picture, { h, seats }) => ((picture.how[h] === SOLD || picture.how[h] === KEPT) && (picture.seats[h] & seats) === seats ? picture : null),
};

export const does = (picture, op) => DOES[op.op](picture, op);

// ---- what may have happened by `at`, unseen ----

// `hold.from`: {release, giveback, confirm, refund, saga}, each the earliest moment of that change.
export function* unseen(picture, holds, at, slackUs) {
  for (let h = 0; h < holds.length; h += 1) {
    const how = picture.how[h];
    const { from } = holds[h];
    if (how === HELD && (picture.until[h] - slackUs <= at || from.release <= at)) yield changed(picture, h, GONE);
    if (live(how) && (from.refund <= at || (how === HELD && from.giveback <= at) || (how !== KEPT && from.saga <= at))) yield changed(picture, h, ENDED);
    if ((how === HELD || how === GONE) && (from.confirm <= at || from.saga <= at)) {
      const sold = sell(picture, h);
      if (sold !== null) yield sold;
    }
  }
}

// ---- the search ----

class TooWide extends Error {}

// All pictures in which `op`, among others called by then, has happened by its response.
function* reached(picture, op, pending, holds, slackUs) {
  for (const next of unseen(picture, holds, op.to, slackUs)) yield next;
  for (const other of pending) {
    if (picture.done.includes(other.id)) continue;
    const next = does(picture, other);
    if (next !== null) yield { ...next, done: [...picture.done, other.id].sort((a, b) => a - b) };
  }
}

function answered(pictures, op, pending, holds, { slackUs, widest }) {
  const seen = new Set();
  const out = new Map();
  const open = [...pictures];
  while (open.length > 0) {
    const picture = open.pop();
    if (picture.done.includes(op.id)) {
      const rest = { ...picture, done: picture.done.filter((id) => id !== op.id) };
      out.set(keyOf(rest), rest);
      continue;
    }
    const key = keyOf(picture);
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > widest) throw new TooWide();
    for (const next of reached(picture, op, pending, holds, slackUs)) open.push(next);
  }
  return [...out.values()];
}

// ops: [{op, h, from, to, ...}], each with a response. -> null if they can all be true, or {op, before}: the impossible
// response, and one picture that was still possible; {wide} if there are too many.
export function contradiction(ops, holds, { slackUs = 0, widest = 5000 } = {}) {
  const calls = [...ops].sort((a, b) => a.from - b.from);
  const answers = [...ops].sort((a, b) => a.to - b.to || a.from - b.from);
  calls.forEach((op, id) => { op.id = id; });
  let pictures = [pictureOf(holds.length)];
  const pending = new Set();
  let next = 0;
  try {
    for (const op of answers) {
      for (; next < calls.length && calls[next].from <= op.to; next += 1) pending.add(calls[next]);
      const after = answered(pictures, op, pending, holds, { slackUs, widest });
      if (after.length === 0) return { op, before: pictures[0] };
      pictures = after;
      pending.delete(op);
    }
  } catch (error) {
    if (!(error instanceof TooWide)) throw error;
    return { wide: true };
  }
  return null;
}
