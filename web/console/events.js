// events.js: all events at a glance: what the line says, what the hall says beside it.

import { call, get, hasPart } from './api.js';
import { byId, make, say } from './kit.js';
import { badge, button, clockOff, codesMissing, fact, guarded, hour, number, percent, show, visitsHalted } from './ui.js';

// Sums over the categories of a hall; null where the hall is not known or its part does not answer, and
// {out} where the hall itself cannot be read, by its reason.
export async function seatSums(id) {
  if (!hasPart('seats')) return null;
  const hall = await get('seats', `/admin/events/${id}`).catch((error) => (error.code === 'event-out' ? { out: error.message } : null));
  if (hall === null || hall.out) return hall;
  const sum = (name) => hall.categories.reduce((total, category) => total + category[name], 0);
  return { seats: hall.seats, free: sum('free'), held: sum('held'), sold: sum('sold'), blocked: sum('blocked') };
}

export function seatBar(sums) {
  const all = Math.max(1, sums.free + sums.held + sums.sold + sums.blocked);
  const words = say('seats.sums', number(sums.sold), number(sums.held), number(sums.free), number(sums.blocked));
  const bar = make('div', { className: 'bar' });
  bar.setAttribute('role', 'img');
  bar.setAttribute('aria-label', words);
  for (const kind of ['sold', 'held', 'blocked', 'free']) {
    const piece = make('span', { className: kind });
    piece.style.setProperty('flex-grow', String(sums[kind] / all));
    bar.append(piece);
  }
  return make('div', { className: 'bar-with-words' }, bar, make('p', { className: 'small' }, words));
}

function card({ id, name, state, shut, live }, sums) {
  const facts = make('dl', { className: 'facts' },
    fact(say('live.waiting'), number(live.waiting)),
    fact(say('live.active'), number(live.active)),
    fact(say('live.service_rate_per_s'), number(live.service_rate_per_s)),
    fact(say('live.show_up'), percent(live.show_up)));
  const item = make('li', { className: 'card' },
    make('h2', {}, make('a', { href: `#/events/${id}` }, name)),
    make('p', { className: 'small' }, badge(state), ` ${id}`),
    facts);
  if (shut) item.append(make('p', { className: 'wrong' }, say(`shut.${shut}`)));
  if (live.stale) item.append(make('p', { className: 'wrong' }, say('live.stale')));
  if (clockOff(live)) item.append(make('p', { className: 'wrong' }, clockOff(live)));
  if (codesMissing(live)) item.append(make('p', { className: 'wrong' }, codesMissing(live)));
  if (visitsHalted(live)) item.append(make('p', { className: 'wrong' }, visitsHalted(live)));
  if (sums?.out) item.append(make('p', { className: 'wrong' }, say('part.out', say('part.seats'), sums.out)));
  else if (sums !== null) item.append(seatBar(sums));
  return item;
}

function newEvent() {
  const id = make('input', { id: 'new-id', required: true, pattern: '[a-z0-9\\-]{1,64}', title: say('new.id-rule'), autocapitalize: 'none', autocomplete: 'off' });
  const name = make('input', { id: 'new-name', required: true, maxLength: 80, autocomplete: 'off' });
  const form = make('form', { className: 'stack' },
    make('label', { className: 'field' }, say('new.id'), id, make('span', { className: 'small' }, say('new.id-rule'))),
    make('label', { className: 'field' }, say('new.name'), name),
    make('button', { className: 'main' }, say('new.button')));
  form.addEventListener('submit', guarded(async () => {
    await call('queue', 'PUT', `/admin/events/${id.value}`, { body: { name: name.value }, headers: { 'If-None-Match': '*' } });
    location.hash = `#/events/${id.value}/knobs`;
  }));
  return make('details', { id: 'new-event' }, make('summary', {}, say('new.title')), form);
}

// What is over, a page at a time: there may be thousands.
function endedEvents() {
  const words = make('input', { id: 'ended-words', type: 'search', maxLength: 60, autocomplete: 'off' });
  const list = make('ul', { id: 'ended', className: 'rows' });
  const none = make('p', { hidden: true }, say('ended.none'));
  let next = 0;
  async function read(below) {
    const query = new URLSearchParams({ q: words.value.trim(), below });
    const page = await get('queue', `/admin/ended?${query}`);
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

export async function open(main) {
  const list = make('ul', { id: 'events', className: 'cards' });
  const none = make('p', { hidden: true }, say('events.none'));
  main.replaceChildren(make('h1', {}, say('events.title')), none, list, newEvent(), endedEvents());
  const sums = new Map();
  let turns = 0;
  return {
    async refresh() {
      const { events } = await get('queue', '/admin/events');
      if (turns++ % 3 === 0) await Promise.all(events.map(async ({ id }) => sums.set(id, await seatSums(id))));
      events.sort((a, b) => a.id.localeCompare(b.id));
      none.hidden = events.length > 0;
      show(byId('events'), ...events.map((event) => card(event, sums.get(event.id) ?? null)));
    },
  };
}

