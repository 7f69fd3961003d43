// checklist.js: what a sale still needs before it opens, each with the step of setup.js that sets it. Pure: watch.js reads the data.

const PARTS = ['queue', 'seats', 'pay'];

// Whether buyers could no longer get a refund of an order made now.
function isOver({ by, until, before_start_s: before }, { starts_at: starts }, now) {
  const ends = [until === null ? Infinity : Date.parse(until), before === null || !starts ? Infinity : Date.parse(starts) - before * 1000];
  return by === 'buyer' && Math.min(...ends) <= now;
}

// `hall` is the seat service's data on the event: null if it has no hall, undefined if unknown. `isTaken` says whether
// the payment provider takes the hall's currency; undefined: unknown, as are `terms`.
export function checklist({ doc, hall, parts, isTaken, terms, now = Date.now() }) {
  const item = (step, key, done, value = '') => ({ step, key, done: Boolean(done), value });
  const free = (hall?.categories ?? []).filter(({ price }) => price === 0).map(({ name }) => name);
  return [
    item('event', 'show', doc.starts_at && doc.venue),
    ...(hall === undefined ? [] : [item('hall', 'hall', hall)]),
    ...(hall ? [item('hall', 'prices', free.length === 0, free.join(', '))] : []),
    ...(hall?.categories.some(({ price }) => price > 0) && isTaken !== undefined ? [item('hall', 'currency', isTaken, hall.currency)] : []),
    ...(terms ? [item('terms', 'terms', !isOver(terms, doc, now), terms)] : []),
    item('opening', 'opens_at', doc.opens_at),
    item('opening', 'rate', doc.rate_per_s > 0),
    ...parts.filter(({ name }) => PARTS.includes(name)).map(({ name, ready, reason }) => item('parts', 'part', ready && !reason, name)),
  ];
}

// What an opening now still needs.
export const missing = (items) => items.filter(({ key, done }) => !done && key !== 'opens_at');
// What holds for every order after the opening. It is shown before, even if nothing is wrong with it.
export const binding = (items) => items.filter(({ key, done }) => done && ['currency', 'terms'].includes(key));
