// vital.js: the figures that answer "is the sale all right?", most important first. The first screen shows them as
// tiles, with a strip of dots or their recent past; the big screen (big.js) shows only the figures.

import { hasPart } from './api.js';
import { money, say } from './kit.js';
import { column, errorsOf, rates } from './figures.js';
import { hour, moment, number, shortMoney } from './ui.js';
import { LIMITS } from './verdict.js';

const LINE_MS = 15 * 60_000; // the span of a tile's line
const LONG = 9; // characters; a longer amount is rounded to stay in one line on a phone

// Rows of the last LINE_MS: up to the newest or, if given, up to `now`.
function recent(rows, now = null) {
  const last = now ?? rows.at(-1)?.at ?? 0;
  return rows.filter((row) => last - row.at <= LINE_MS);
}

// "21:40 – 21:55", "from 21:40": when the line will be empty.
export function bandOf({ kind, early, late }) {
  if (kind !== 'ends' && kind !== 'grows') return say(`forecast.${kind}`);
  const from = hour(new Date(early));
  if (late === null) return say('forecast.from', from);
  const to = hour(new Date(late));
  return from === to ? from : say('forecast.band', from, to);
}

// The forecast in words, compared with the plan.
export function planInWords({ facts, plan }) {
  const { forecast: end } = facts;
  const parts = end.kind === 'ends' || end.kind === 'grows' ? [say('plan.ends', bandOf(end))] : [say(`plan.${end.kind}`)];
  if (end.kind === 'grows') parts.push(say('plan.grows', number(end.joined), number(end.called)));
  if (plan.at === null || (end.kind === 'empty' && plan.by === 'set')) return parts;
  parts.push(say(`plan.${plan.by}`, hour(new Date(plan.at))));
  const { kind, byMs } = facts.plan;
  if (kind !== 'none') parts.push(say(`plan.${kind}`, number(Math.round(byMs / 60_000))));
  return parts;
}

// Revenue of completed orders, less refunds. Without counts of orders, the list prices of the sold seats, labelled as
// such.
function takings({ sums, orders }, recent) {
  const last = orders?.at(-1);
  const isCounted = last?.captured !== undefined;
  const lines = isCounted ? recent.orders.map((row) => row.captured - row.given_back) : column(recent.hall, 'sold');
  const value = isCounted ? last.captured - last.given_back : sums.worth;
  const whole = money(value, sums.currency);
  const short = shortMoney(value, sums.currency);
  const note = isCounted ? say('vital.money-note', shortMoney(last.captured, sums.currency), shortMoney(last.given_back, sums.currency)) : say('vital.list-note');
  return { label: say(isCounted ? 'vital.money' : 'vital.list'), value: whole.length <= LONG ? whole : short, note, lines: [lines] };
}

// [{id, label, value, note, lines or full, level, share}]: first the visitors at each step, with how `full` it is.
// Figures of parts that are not configured are left out.
export function vitals(watch, { facts, found }) {
  const { live, doc, sums } = watch;
  const rows = recent(watch.rows);
  const asOf = { ...watch.asOf, ...(facts.silentMs >= LIMITS.silent_ms ? { queue: watch.readAt } : {}) };
  const hall = recent(watch.hall ?? [], asOf.seats ? facts.now : null);
  const orders = recent(watch.orders ?? [], asOf.pay ? facts.now : null);
  const pace = (value) => number(Math.round(value));
  const errors = errorsOf([watch.history, watch.hall ?? [], watch.orders ?? []].map(recent)).slice(1);
  const allErrors = (errors[0] ?? []).map((_, i) => errors.reduce((sum, values) => sum + (values[i] ?? 0), 0));
  // The whole of which a strip of dots shows a share: the limit, or the highest value so far.
  const peak = (key) => Math.max(live[key], 1, ...watch.rows.map((row) => row[key] ?? 0));
  const tiles = [
    { id: 'waiting', label: say('live.waiting'), value: number(live.waiting), note: facts.forecast.kind === 'empty' ? say('vital.nobody') : say('vital.waiting-note', bandOf(facts.forecast)), full: live.waiting / peak('waiting') },
    { id: 'called', label: say('live.outstanding'), value: number(live.outstanding), note: say('vital.called-note', number(live.rate_per_s)), full: live.outstanding / peak('outstanding') },
    { id: 'inside', label: say('live.active'), value: doc.max_active > 0 ? say('vital.of', number(live.active), number(doc.max_active)) : number(live.active), note: say('vital.inside-note', number(live.admitted)), full: live.active / (doc.max_active || peak('active')) },
  ];
  if (facts.orders === null && hasPart('pay')) tiles.push({ id: 'orders', label: say('menu.orders'), value: '–', note: say('vital.seats-unknown'), full: 0 });
  else if (facts.orders !== null) tiles.push({ id: 'orders', label: say('menu.orders'), value: number(watch.orders.at(-1).completed), note: say('vital.orders-note', number(Math.round(facts.orders.completed)), number(facts.orders.open)), full: sums?.seats > 0 ? sums.sold / sums.seats : 0 });
  tiles.push({ id: 'pace', label: say('vital.pace'), value: facts.pace.joined === null || facts.pace.called === null ? '–' : say('vital.pace-value', pace(facts.pace.joined), pace(facts.pace.called)), note: say('vital.pace-note'), lines: [rates(rows, 'joined'), rates(rows, 'serving')] });
  if (sums !== null && !sums.out) tiles.push({ id: 'seats', label: say('vital.seats'), value: number(sums.free), note: say('vital.seats-note', number(sums.held), number(sums.sold)), lines: [column(hall, 'free'), column(hall, 'sold')] });
  else tiles.push({ id: 'seats', label: say('vital.seats'), value: number(live.seats_left), note: say(live.seats_left === null ? 'vital.seats-unknown' : 'vital.seats-fed'), lines: [column(rows, 'seats_left')] });
  if (sums?.currency) tiles.push({ id: 'money', ...takings(watch, { hall, orders }) });
  else if (hasPart('seats')) tiles.push({ id: 'money', label: say('vital.money'), value: '–', note: say('vital.seats-unknown'), lines: [] });
  const { queue, seats, pay } = facts.errors;
  tiles.push({ id: 'alarms', label: say('vital.alarms'), value: number(found.length), note: say('vital.alarms-note', number(Math.round(queue + seats + pay))), level: found.some(({ level }) => level === 'broken') ? 'broken' : found.length > 0 ? 'look' : 'fine', lines: [allErrors] });
  // Old figures are labelled, and their curves end where the data end.
  const partOf = ({ id }) => ({ seats: 'seats', orders: 'pay', money: watch.orders?.at(-1).captured === undefined ? 'seats' : 'pay', alarms: '' })[id] ?? 'queue';
  const rowsOf = { seats: hall, pay: orders, queue: rows };
  return tiles.map((tile) => {
    const part = partOf(tile);
    if (!asOf[part] || tile.value === '–') return tile;
    const [first, last] = [rowsOf[part][0]?.at ?? 0, rowsOf[part].at(-1)?.at ?? 0];
    return { ...tile, level: 'stale', note: say('verdict.as-of', moment(new Date(asOf[part]))), share: (last - first) / Math.max(1, facts.now - first) };
  });
}
