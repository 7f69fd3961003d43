// desk.js: the help desk. One field finds an order by what a caller knows. The order's page shows everything known
// about it, with refunds, mails, new tickets, other seats and another holder, each with a recorded reason.

import { call, get } from './api.js';
import { announce, inRuns, labelsInRuns, make, money, say } from './kit.js';
import { minorOf } from './prices.js';
import { SKIPPED, badge, button, confirmed, fact, guarded, scrollBox, show, tableOf, timeAt, wordsOr } from './ui.js';

const EVERY = 2; // refreshes
const field = (words, input) => make('label', { className: 'field' }, words, input);

function seatName({ id, zone, row, number: seat, label }) {
  if (!seat) return zone || id;
  return label ? say('desk.seat-labelled', zone, row, label) : say('seats.name', zone, row, seat);
}

// Several seats in one line, grouped by row.
function seatNames(places) {
  const rows = Map.groupBy(places, ({ id, zone, row, number, label }) => (number ? JSON.stringify([zone, row, Boolean(label)]) : id));
  const nameIn = (those) => seatName({ ...those[0], number: those[0].number && inRuns(those.map(({ number }) => number)), label: those[0].label && labelsInRuns(those) });
  return [...rows.values()].map(nameIn).join(', ');
}

function row(order) {
  const { places, seats } = order;
  const more = seats - places.length;
  return make('tr', {},
    make('th', { scope: 'row' }, make('a', { href: `#/orders/${order.order}` }, order.order_number)),
    ...[timeAt(order.created_at), order.event_name, order.member, seatNames(places) + (more > 0 ? ` +${more}` : ''),
      money(order.amount, order.currency), badge(order.status)].map((cell) => make('td', {}, cell)));
}

// Returns the search with its table. A seat or an empty field searches the chosen event, else all events.
export async function openFinder() {
  const [events, ended] = await Promise.all(['/admin/events', '/admin/ended?limit=200'].map((path) => get('queue', path).then((reply) => reply.events, () => [])));
  const words = make('input', { id: 'desk-words', type: 'search', maxLength: 120, autocomplete: 'off' });
  const options = (list) => list.map(({ id, name }) => make('option', { value: id }, name || id));
  const event = make('select', { id: 'desk-event' }, ...options(events), ...(ended.length > 0 ? [make('optgroup', { label: say('ended.title') }, ...options(ended))] : []));
  const table = scrollBox(say('menu.orders'), { id: 'desk-orders', hidden: true });
  const note = make('p', { id: 'desk-told', className: 'small', role: 'status' }, say('desk.help'));
  const more = button(say('more'), () => read(true), { id: 'desk-more', hidden: true });
  let orders = [];
  let before;
  let wanted; // the search that is shown, or is being made
  let searches = 0;

  async function read(further = false) {
    const mine = ++searches;
    if (!further) wanted = { q: words.value.trim(), event: event.value };
    const page = await get('pay', `/admin/orders?${new URLSearchParams({ ...wanted, ...(further ? { before } : {}) })}`);
    if (mine !== searches) return;
    orders = further ? [...orders, ...page.orders] : page.orders;
    ({ before } = page);
    more.hidden = before === undefined;
    table.hidden = orders.length === 0;
    note.textContent = orders.length === 0 ? say('desk.none') : '';
    const heads = ['orders.order', 'desk.made', 'desk.event', 'desk.buyer', 'view.seats', 'desk.amount', 'desk.state'];
    show(table, tableOf(heads.map((key) => say(key)), orders.map(row)));
  }

  const form = make('form', { id: 'desk', className: 'row end', role: 'search' }, field(say('desk.words'), words), field(say('desk.event'), event), make('button', { id: 'desk-find', className: 'main' }, say('desk.find')));
  form.addEventListener('submit', guarded(() => read()));
  return make('section', { className: 'stack' }, form, note, table, more);
}

// ---- one order ----

function ticketRow(ticket, places) {
  const place = places.find(({ id }) => id === ticket.seat);
  const scan = ticket.scanned_at ? [` ${ticket.gate} `, timeAt(ticket.scanned_at)] : [];
  return make('tr', {}, make('th', { scope: 'row' }, place ? seatName(place) : ticket.seat), make('td', {}, place?.entrance ?? ''), make('td', {}, ticket.ticket_number),
    make('td', {}, ticket.offered_to ? `${ticket.member} → ${ticket.offered_to}` : ticket.member), make('td', {}, say(`desk.ticket.${ticket.state}`), ...scan));
}

// All that has happened, oldest first.
function trail({ acts, sagas, mails, letters, tickets }) {
  const seatOf = new Map(tickets.map(({ ticket, seat }) => [ticket, seat]));
  const message = (of) => ({ kind, state, error, member, made_at: made, done_at: done }) =>
    ({ at: done ?? made, words: [say(`desk.${of}-of`, wordsOr(`desk.kind.${kind}`, kind)), say(`desk.message.${state}`), member, error] });
  return [
    ...acts.map(({ at, act, subject, who, gate, reason }) => ({ at, words: [wordsOr(`desk.act.${act}`, act), seatOf.get(subject), gate, who, reason] })),
    ...sagas.map(({ saga, definition, state, started_at: at }) => ({ at, href: `#/orders/${saga}`, words: [wordsOr(`saga.of.${definition.split('.')[0]}`, definition), wordsOr(`state.${state}`, state)] })),
    ...mails.map(message('mail')),
    ...letters.map(message('letter')),
  ].sort((a, b) => a.at.localeCompare(b.at)).map(({ at, words: [first, ...rest], href }) => make('li', {}, timeAt(at), ' ',
    make('strong', {}, href ? make('a', { href }, first) : first), make('span', { className: 'small' }, ...rest.filter((word) => word).map((word) => ` · ${word}`))));
}

export async function openOrder(main, id) {
  const path = `/admin/orders/${encodeURIComponent(id)}`;
  const head = make('div');
  const tickets = scrollBox(say('desk.tickets'));
  const happened = make('ol', { id: 'desk-trail', className: 'lines' });
  const acts = make('section', { id: 'desk-acts', className: 'card stack' });
  const parts = make('details', { id: 'desk-parts' });
  const seats = make('fieldset', { className: 'group' }, make('legend', {}, say('view.seats')));
  const amount = make('input', { id: 'desk-amount', type: 'number', min: 0, step: 'any', inputMode: 'decimal' });
  const free = make('input', { id: 'desk-free', type: 'checkbox' });
  const to = make('textarea', { id: 'desk-to', rows: 2, maxLength: 4096, autocomplete: 'off' });
  const other = make('input', { id: 'desk-other', type: 'checkbox' });
  const member = make('input', { id: 'desk-member', maxLength: 64, autocomplete: 'off' });
  const whole = button(say('desk.refund'), () => refund({}), { id: 'desk-refund', className: 'danger' });
  const mail = button(say('desk.mail'), () => act('mail', {}, { title: say('desk.mail'), text: say('desk.mail-means') }), { id: 'desk-mail' });
  const anew = button(say('desk.anew'), renew, { id: 'desk-anew', className: 'danger' });
  let order;
  let listed = '';
  let turns = 0;

  async function act(what, body, { title, text, lines }) {
    const sure = await confirmed({ title, text, lines, yes: title, why: { needed: true } });
    if (!sure) return;
    await call('pay', 'POST', `${path}/${what}`, { body: { ...body, reason: sure.why } });
    announce(say('desk.begun', title));
    await read();
  }
  const sum = (minor) => money(minor, order.currency);
  function refund(part) {
    const lines = (part.seats ?? order.seats).map(nameOf);
    const sums = part.seats ? [] : [sum(part.amount ?? order.amount - order.refunded)];
    return act('refund', part, { title: say('desk.refund'), text: say(part.seats || part.amount ? 'desk.part-means' : 'desk.refund-means'), lines: [...(part.amount && !part.seats ? [] : lines), ...sums] });
  }
  const picked = () => [...seats.querySelectorAll('input:checked')].map(({ value }) => value);
  const nameOf = (seat) => seatName(order.places.find(({ id: place }) => place === seat) ?? { id: seat });
  function renew() {
    const chosen = picked();
    const stay = chosen.length > 0 ? chosen : order.tickets.filter(({ state }) => state === 'valid').map(({ seat }) => seat);
    return act('move', { seats: stay.map((seat) => ({ from: seat, to: seat })) }, { title: say('desk.anew'), text: say('desk.anew-means'), lines: stay.map(nameOf) });
  }
  function moveSeats() {
    const wanted = to.value.split('\n').map((line) => line.trim()).filter((line) => line); // an id may have spaces and commas
    const chosen = order.seats.length === 1 ? order.seats : picked();
    if (wanted.length === 0 || wanted.length !== chosen.length) {
      (wanted.length === 0 ? to : seats.querySelector('input')).focus();
      return undefined;
    }
    return act('move', { seats: chosen.map((seat, n) => ({ from: seat, to: wanted[n] })), ...(other.checked ? { other_category: true } : {}) }, { title: say('move.button'), text: say('move.means'), lines: chosen.map((seat, n) => `${nameOf(seat)} → ${wanted[n]}`) });
  }
  function transfer() {
    const [chosen, receiver] = [picked(), member.value.trim()];
    if (receiver === '') {
      member.focus();
      return undefined;
    }
    return act('transfer', { to: receiver, ...(chosen.length > 0 ? { seats: chosen } : {}) }, { title: say('desk.transfer'), text: say('desk.transfer-means'), lines: [...(chosen.length > 0 ? chosen : order.seats).map(nameOf), receiver] });
  }
  function refundPart() {
    const chosen = picked();
    const minor = minorOf(amount.value, order.currency);
    if (chosen.length === 0 && minor === 0) {
      amount.focus();
      return undefined;
    }
    return refund({
      ...(chosen.length > 0 ? { seats: chosen, ...(free.checked ? { free: true } : {}) } : {}),
      ...(minor === 0 ? {} : { amount: minor }),
    });
  }
  function block() {
    const chosen = picked();
    if (chosen.length === 0) {
      seats.querySelector('input').focus();
      return undefined;
    }
    return act('refund', { seats: chosen, free: true, amount: 0 }, { title: say('desk.block'), text: say('desk.block-means'), lines: chosen.map(nameOf) });
  }

  function showOrder() {
    const good = order.status === 'completed';
    show(head, make('p', {}, make('a', { href: '#/orders' }, say('orders.back'))), make('h1', {}, `${say('orders.order')} ${order.order_number}`),
      make('p', { id: 'desk-status' }, badge(order.status), ` ${order.event_name}`, ...(order.starts_at ? [' · ', timeAt(order.starts_at)] : [])),
      ...['cancelled', 'postponed'].filter((what) => order[`event_${what}`]).map((what) => make('p', { className: 'wrong' }, say(`desk.${what}`))),
      make('dl', { className: 'facts' }, fact(say('desk.buyer'), order.member), fact(say('desk.made'), timeAt(order.created_at)), fact(say('desk.amount'), sum(order.amount)),
        ...(order.refunded > 0 ? [fact(say('desk.refunded'), sum(order.refunded))] : [])),
      make('p', { className: 'small' }, [order.order, order.provider, order.payment].filter((word) => word).join(' · ')));
    const heads = ['view.seats', 'desk.entrance', 'desk.number', 'desk.holder', 'desk.state'].map((key) => say(key));
    tickets.hidden = order.tickets.length === 0;
    show(tickets, tableOf(heads, order.tickets.map((ticket) => ticketRow(ticket, order.places))));
    show(happened, ...trail(order));
    acts.hidden = !good && order.status !== 'refunded';
    for (const one of [whole, mail, anew]) one.hidden = !good;
    if (listed === order.seats.join()) return; // keeps the current selection
    listed = order.seats.join();
    const priceOf = (seat) => order.places.find(({ id: place }) => place === seat)?.price;
    const named = order.seats.map((seat) => [seat, [nameOf(seat), ...(priceOf(seat) === undefined ? [] : [sum(priceOf(seat))])].join(' · ')]);
    seats.replaceChildren(seats.firstElementChild, ...named.map(([seat, name]) => make('label', { className: 'field tick' }, make('input', { type: 'checkbox', value: seat }), ` ${name}`)));
  }
  async function read() {
    order = await get('pay', path);
    showOrder();
  }

  parts.append(make('summary', {}, say('desk.more')), make('div', { className: 'stack' },
    seats, make('label', { className: 'field tick' }, free, ` ${say('desk.free')}`), field(say('desk.sum'), amount), button(say('desk.part'), refundPart, { id: 'desk-part', className: 'danger' }), button(say('desk.block'), block, { id: 'desk-block', className: 'danger' }),
    field(say('move.to'), to), make('label', { className: 'field tick' }, other, ` ${say('move.other')}`), button(say('move.button'), moveSeats, { id: 'desk-move', className: 'danger' }),
    field(say('desk.member'), member), button(say('desk.transfer'), transfer, { id: 'desk-transfer' })));
  acts.append(make('h2', {}, say('desk.acts')), make('div', { className: 'row' }, whole, mail, anew), parts);
  await read();
  main.replaceChildren(head, acts, make('section', { className: 'card stack' }, make('h2', {}, say('desk.tickets')), tickets), make('section', { className: 'card' }, make('h2', {}, say('saga.timeline')), happened));
  return {
    async refresh() {
      if (turns++ % EVERY !== 1) return SKIPPED;
      return read();
    },
  };
}
