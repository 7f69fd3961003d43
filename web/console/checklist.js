// checklist.js: what a sale still needs before it opens, each with the step of setup.js that sets it. Pure: watch.js reads the data.

const PARTS = ['queue', 'seats', 'pay'];

// `hall` is the seat service's data on the event: null if it has no hall, undefined if unknown.
export function checklist({ doc, hall, parts }) {
  const item = (step, key, done, value = '') => ({ step, key, done: Boolean(done), value });
  const free = (hall?.categories ?? []).filter(({ price }) => price === 0).map(({ name }) => name);
  return [
    item('event', 'show', doc.starts_at && doc.venue),
    ...(hall === undefined ? [] : [item('hall', 'hall', hall)]),
    ...(hall ? [item('hall', 'prices', free.length === 0, free.join(', '))] : []),
    item('opening', 'opens_at', doc.opens_at),
    item('opening', 'rate', doc.rate_per_s > 0),
    ...parts.filter(({ name }) => PARTS.includes(name)).map(({ name, ready, reason }) => item('parts', 'part', ready && !reason, name)),
  ];
}

// What an opening now still needs.
export const missing = (items) => items.filter(({ key, done }) => !done && key !== 'opens_at');
