// events.js: all events at a glance, with figures of the line and of the hall.

import { allHealth, call, get, hasPart, limits, whose } from './api.js';
import { byId, make, say } from './kit.js';
import { badge, button, byVerdict, drawn, fact, guarded, hour, levelWords, moment, number, reasonOf, saving, show, zoneName } from './ui.js';
import { alarms, frontsKept, verdict } from './verdict.js';
import { partsFor, seatSums } from './watch.js';

const FIRST_MS = 3000; // how long the list waits for the other parts, whose data changes its size

function seatBar(sums) {
  const all = Math.max(1, sums.seats);
  const words = say('seats.sums', number(sums.sold), number(sums.held), number(sums.free), number(sums.blocked));
  const bar = make('div', { className: 'bar', role: 'img', 'aria-label': words });
  for (const kind of ['sold', 'held', 'blocked', 'free']) {
    const piece = make('span', { className: kind });
    piece.style.setProperty('flex-grow', String(sums[kind] / all));
    bar.append(piece);
  }
  return make('div', { className: 'bar-with-words' }, bar, make('p', { className: 'small' }, words));
}

// For the verdict. The list has less data than an event's own view.
function factsOf(event, sums, { health, fronts }) {
  const { state, opens_at, live, shut } = event;
  return {
    now: Date.now(), doc: { state, opens_at }, live, shut, fronts, silentMs: 0, parts: partsFor(health, event.id), pace: { called: null }, stalledMs: 0, errors: {},
    orders: null, quietMs: 0, seats: sums?.out ? null : sums, drift: 0, plan: null,
  };
}

function card(event, sums, parts) {
  const { id, name, state, live } = event;
  const facts = make('dl', { className: 'facts' },
    fact(say('live.waiting'), number(live.waiting)),
    fact(say('live.active'), number(live.active)),
    fact(say('live.service_rate_per_s'), number(live.service_rate_per_s)));
  const judged = factsOf(event, sums, parts);
  const found = alarms(judged);
  const first = verdict(judged, found);
  const item = make('li', { className: `card event ${first.level}` },
    make('h2', {}, make('a', { href: `#/events/${id}` }, name)),
    make('p', { className: 'small' }, badge(state), ` ${id}`),
    make('div', { className: `verdict ${first.level}` }, ...byVerdict(first)),
    ...found.slice(1).map((alarm) => make('p', { className: 'wrong' }, `${levelWords(alarm.level)} ${reasonOf(alarm)}`)),
    facts);
  if (sums !== null && !sums.out) item.append(seatBar(sums));
  else if (hasPart('seats')) item.append(make('div', { className: 'bar-room' }));
  return item;
}

const idField = (id) => make('input', { id, required: true, pattern: '[a-z0-9\\-]{1,64}', title: say('new.id-rule'), autocapitalize: 'none', autocomplete: 'off' });

function newEvent() {
  const id = idField('new-id');
  const name = make('input', { id: 'new-name', required: true, maxLength: 80, autocomplete: 'off' });
  const form = make('form', { className: 'stack' },
    make('label', { className: 'field' }, say('knob.name'), name),
    make('label', { className: 'field' }, say('new.id'), id, make('span', { className: 'small' }, say('new.id-rule'))),
    make('button', { className: 'main' }, say('new.button')));
  let proposed = ''; // an id made from the name, until the operator types another one
  name.addEventListener('input', () => {
    if (id.value !== proposed) return;
    proposed = name.value.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 64);
    id.value = proposed;
  });
  form.addEventListener('submit', saving(async () => {
    await call('queue', 'PUT', `/admin/events/${id.value}`, { body: { name: name.value }, headers: { 'If-None-Match': '*' } });
    location.hash = `#/events/${id.value}/setup`;
  }));
  return make('details', { id: 'new-event' }, make('summary', {}, say('new.title')), form);
}

// Past events, a page at a time: there may be thousands.
function endedEvents() {
  const words = make('input', { id: 'ended-words', type: 'search', maxLength: 60, autocomplete: 'off' });
  const list = make('ul', { id: 'ended', className: 'rows' });
  const none = make('p', { hidden: true }, say('none'));
  let next = 0;
  let wanted = '';
  let reads = 0;
  async function read(below) {
    const mine = ++reads;
    if (below === 0) wanted = words.value.trim();
    const page = await get('queue', `/admin/ended?${new URLSearchParams({ q: wanted, below })}`);
    if (mine !== reads) return;
    next = page.next;
    more.hidden = next === null;
    const rows = page.events.map(({ id, name, ended_at, issued, admitted }) => make('li', {},
      make('a', { href: `#/events/${id}` }, name),
      make('span', { className: 'small' }, ` ${id} · ${say('ended.at', hour(ended_at))} · ${say('ended.figures', number(issued), number(admitted))}`)));
    if (below === 0) list.replaceChildren();
    list.append(...rows);
    none.hidden = list.children.length > 0 || next !== null;
  }
  const more = button(say('more'), () => read(next), { id: 'ended-more', hidden: true });
  const form = make('form', { className: 'row end' },
    make('label', { className: 'field' }, say('ended.search'), words), make('button', {}, say('ended.search-button')));
  form.addEventListener('submit', guarded(() => read(0)));
  const fold = make('details', { id: 'ended-events' }, make('summary', {}, say('ended.title')), make('div', { className: 'stack' }, form, none, list, more));
  fold.addEventListener('toggle', guarded(async () => {
    if (fold.open) await read(0);
  }));
  return fold;
}

// A role limited to some events lists the events that it names; others are opened by id.
function byName(patterns) {
  const id = idField('open-id');
  const form = make('form', { id: 'by-name', className: 'card stack' },
    make('p', {}, say('limits.text', patterns.join(', '))),
    make('div', { className: 'row end' }, make('label', { className: 'field' }, say('new.id'), id), make('button', {}, say('limits.open'))));
  form.addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    location.hash = `#/events/${id.value}`;
  });
  return form;
}

const eventsNamed = (names) => Promise.all(names.map((name) => get('queue', `/admin/events?id=${encodeURIComponent(name)}`)))
  .then((all) => ({ events: all.flatMap(({ events }) => events), fronts: all[0]?.fronts }));

export async function open(main) {
  const only = limits();
  const mayMake = only === null && whose().role === 'admin';
  const list = make('ul', { id: 'events', className: 'cards' });
  const fresh = newEvent();
  const first = button(say('new.title'), () => {
    fresh.open = true;
    byId('new-name').focus();
  }, { className: 'main' });
  const none = drawn('empty', say('events.none'), mayMake ? say('events.none-text') : '', ...(mayMake ? [first] : []));
  none.hidden = true;
  const asOf = make('p', { id: 'as-of', className: 'small' });
  const sums = new Map();
  let health = [];
  let turns = 0;
  const readParts = (events) => Promise.all([allHealth().then((all) => { health = all; }), ...events.map(async ({ id }) => sums.set(id, await seatSums(id)))]);
  const view = {
    async refresh() {
      const { events, fronts = [] } = await (only === null ? get('queue', '/admin/events') : eventsNamed(only.filter((name) => !name.endsWith('*'))));
      const isFirst = turns === 0;
      if (turns++ % 3 === 0) await Promise.race([readParts(events), ...(isFirst ? [new Promise((resolve) => { setTimeout(resolve, FIRST_MS); })] : [])]);
      events.sort((a, b) => a.id.localeCompare(b.id));
      none.hidden = events.length > 0;
      asOf.textContent = `${say('verdict.as-of', moment(new Date()))} · ${zoneName()}`;
      show(list, ...events.map((event) => card(event, sums.get(event.id) ?? null, { health, fronts: frontsKept(fronts) })));
    },
  };
  await view.refresh(); // the list has its size before anything is placed below it
  const more = only !== null ? [byName(only)] : [none, ...(mayMake ? [fresh] : []), endedEvents()];
  main.replaceChildren(make('h1', {}, say(only === null ? 'events.title' : 'limits.title')), asOf, list, ...more);
  return view;
}

