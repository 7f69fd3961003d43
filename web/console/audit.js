// audit.js: who did what, when, from what to what, and why; newest first. Three trails: the line's, the payment
// adapter's for orders, refunds and doors, and the seat service's for seats and their prices.

import { get, hasPart } from './api.js';
import { lookUp } from './appeal.js';
import { make, money, say } from './kit.js';
import { becauseOf, changeList, inWords, tooLong, whoOf } from './change.js';
import { button, number, show, timeAt, wordsOr } from './ui.js';
import { ofEvent } from './watch.js';

const PAGE = 50;
const PAID = 200; // at least this many of the payment adapter's, some of which are buyers' own
const MANY = 8; // more changes are folded
const EVERY = 3; // refreshes

function changed(sides) {
  if (tooLong(sides)) return make('p', {}, say('audit.too-long'));
  const all = inWords(sides.from, sides.to);
  return all.length > MANY ? make('details', {}, make('summary', {}, say('audit.changes', all.length)), changeList(all)) : changeList(all);
}

function entry({ at, version, who, what, why, because, ...sides }) {
  const reason = becauseOf({ because, why });
  return make('li', { className: 'card' },
    make('p', {}, timeAt(at), ' ', make('strong', {}, wordsOr(`act.${what}`, what)), ` ${whoOf({ who, because })}`, make('span', { className: 'small' }, ` · ${say('event.version', version)}`)),
    changed(sides),
    ...(reason ? [make('p', {}, `${say('audit.why')} ${reason}`)] : []));
}

// For an order, a scanner or the terms: the subject instead of a change.
function paid({ at, act, subject, gate, reason, actor, who }) {
  return make('li', { className: 'card' },
    make('p', {}, timeAt(at), ' ', make('strong', {}, wordsOr(`act.pay.${act}`, act)), ` ${who ?? (actor === 'operator' ? say('who.token') : actor)}`, make('span', { className: 'small' }, ` · ${subject}${gate ? ` · ${say('scanners.at', gate)}` : ''}`)),
    ...(reason ? [make('p', {}, `${say('audit.why')} ${reason}`)] : []));
}

// Leaves out scans: they are not operators' acts, and there are thousands.
async function paidActs(id, limit) {
  if (!hasPart('pay')) return [];
  const { acts } = await get('pay', `/admin/events/${id}/audit?scans=false&limit=${Math.max(PAID, limit)}`).catch(() => ({ acts: [] }));
  return acts.filter(({ actor }) => actor === 'operator' || actor === 'reconciliation').map((one) => ({ at: one.at, row: paid(one) }));
}

const seatName = ({ zone, row, number: seat }) => say('seats.name', zone, row, seat);

// The seats of one call (a large selection takes several), or a price's category.
function placeOf({ category, first, last, area }) {
  if (first === undefined) return area ?? category ?? '';
  return first.seat === last.seat ? seatName(first) : say('audit.seats-from-to', seatName(first), seatName(last));
}

function ofSeats(one, currency) {
  const { at, act, quantity, from, to, reason, who } = one;
  const words = act === 'priced' ? say('act.seats.priced', money(from, currency), money(to, currency)) : say(`act.seats.${act}`, number(quantity ?? 0));
  const where = placeOf(one);
  return make('li', { className: 'card' },
    make('p', {}, timeAt(at), ' ', make('strong', {}, words), ` ${who ?? say('who.token')}`, make('span', { className: 'small' }, where === '' ? '' : ` · ${where}`)),
    ...(reason ? [make('p', {}, `${say('audit.why')} ${reason}`)] : []));
}

async function seatActs(id) {
  const reply = await ofEvent('seats', id, '/audit');
  return (reply?.acts ?? []).map((one) => ({ at: one.at, row: ofSeats(one, reply.currency) }));
}

export async function open(body, event) {
  const list = make('ol', { id: 'audit', className: 'trail' });
  let limit = PAGE;
  let turns = 0;
  const more = button(say('more'), async () => {
    limit = Math.min(1000, limit * 4);
    await read();
  });
  async function read() {
    const [{ audit }, ...others] = await Promise.all([get('queue', `/admin/events/${event.id}/audit?limit=${limit}`), paidActs(event.id, limit), seatActs(event.id)]);
    const acts = others.flat();
    const isAll = audit.length < limit;
    more.hidden = isAll || limit === 1000;
    const since = isAll || audit.length === 0 ? 0 : Date.parse(audit.at(-1).at);
    const rows = [...audit.map((one) => ({ at: one.at, row: entry(one) })), ...acts.filter(({ at }) => Date.parse(at) >= since)];
    show(list, ...rows.sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).map(({ row }) => row));
  }
  body.replaceChildren(lookUp(event), make('h2', {}, say('view.audit')), list, more);
  await read();
  const again = () => read();
  event.listeners.add(again);
  return {
    async refresh() {
      if (++turns % EVERY === 0) await read();
    },
    close: () => event.listeners.delete(again),
  };
}
