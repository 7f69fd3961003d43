// seats.js: the hall of an event, from seat-service's private listener: how many seats are sold. It blocks and unblocks
// seats, chosen on the map or by section, row and number. Each call is all or nothing; a large selection takes several
// calls.

import { call, get, hasPart } from './api.js';
import { announce, byId, make, money, say } from './kit.js';
import { button, confirmed, fact, number, sayTrouble, scrollBox, show, tableOf } from './ui.js';
import { HallMap } from './map.js';
import { applyChanges, BLOCKED, FREE, markOf, readPicture, readPlan, sinceOf } from './plan.js';

const PER_CALL = 128;
const KINDS = ['free', 'held', 'sold', 'blocked'];
const SURE_FROM = 20; // confirm from this many seats on

const nameOf = (plan, i) => say('seats.name', plan.zones[plan.zoneOf[i]].name, plan.zones[plan.zoneOf[i]].rows[plan.rowOf[i]].label, plan.numberOf(i));

// "A row 3: 5–8, 11": the chosen seats by row, at most 8 rows.
function inWords(plan, places) {
  const rows = new Map();
  for (const i of [...places].sort((a, b) => a - b)) {
    const key = `${plan.zoneOf[i]}/${plan.rowOf[i]}`;
    if (!rows.has(key)) rows.set(key, []);
    const runs = rows.get(key);
    const last = runs.at(-1);
    if (last && last.to === i - 1) last.to = i;
    else runs.push({ from: i, to: i });
  }
  return [...rows].slice(0, 8).map(([, runs]) => {
    const { from } = runs[0];
    const zone = plan.zones[plan.zoneOf[from]];
    const numbers = runs.map((run) => (run.from === run.to ? plan.numberOf(run.from) : `${plan.numberOf(run.from)}–${plan.numberOf(run.to)}`)).join(', ');
    return say('seats.row', zone.name, zone.rows[plan.rowOf[from]].label, numbers);
  });
}

async function readHall(id) {
  const path = `/admin/events/${id}`;
  const [plan, picture] = await Promise.all([
    get('seats', `${path}/plan?form=rows`, { cache: 'default' }),
    call('seats', 'GET', `${path}/availability`, { octets: true, headers: { Accept: 'application/octet-stream' } }),
  ]);
  const hall = readPlan(plan);
  readPicture(hall, picture.octets, markOf(picture.etag));
  return hall;
}

export async function open(body, event) {
  if (!hasPart('seats')) {
    body.replaceChildren(make('p', {}, say('seats.no-part')));
    return {};
  }
  const { id } = event;
  const path = `/admin/events/${id}`;
  let plan;
  let info;
  try {
    [plan, info] = await Promise.all([readHall(id), get('seats', path)]);
  } catch (error) {
    if (!('problem' in error)) throw error;
    body.replaceChildren(make('p', { id: 'seats-trouble', className: 'wrong' }, error.status === 404 ? say('seats.unknown') : `${say('part.seats')}: ${sayTrouble(error)}`));
    return {};
  }

  // ---- what there is ----

  const sums = make('dl', { id: 'seat-sums', className: 'facts' });
  const categories = scrollBox(say('seats.categories'));
  const area = make('select', { id: 'area' });
  function showCounts() {
    show(area, ...info.areas.map(({ id: value, name, free, blocked }) => make('option', { value }, `${name} (${say('seats.free')} ${number(free)}, ${say('seats.blocked')} ${number(blocked)})`)));
    const sum = (kind) => info.categories.reduce((total, category) => total + category[kind], 0);
    show(sums, ...['sold', 'held', 'free', 'blocked'].map((kind) => fact(say(`seats.${kind}`), number(sum(kind)))));
    const heads = ['category', 'price', 'sold', 'held', 'free', 'blocked'].map((key) => say(`seats.${key}`));
    const rows = info.categories.map((category) => make('tr', {}, make('th', { scope: 'row' }, category.name), make('td', {}, money(category.price, info.currency)), ...['sold', 'held', 'free', 'blocked'].map((kind) => make('td', {}, number(category[kind])))));
    show(categories, tableOf(heads, rows));
  }

  // ---- choosing ----

  const canvas = make('canvas', { id: 'hall-map', tabIndex: 0, role: 'application', 'aria-label': say('map.label'), 'aria-describedby': 'map-help' });
  const seat = make('p', { id: 'seat', role: 'status' }, say('map.hint'));
  const chosen = make('div', { id: 'chosen' });
  const reason = make('input', { id: 'block-reason', maxLength: 64, autocomplete: 'off' });
  const outcome = make('p', { id: 'outcome', role: 'status' });
  const map = new HallMap(canvas, plan, {
    onSeat: (i) => { seat.textContent = `${nameOf(plan, i)}: ${say(`seats.is.${KINDS[plan.state[i]]}`)}${map.chosen.has(i) ? ` · ${say('seats.is-chosen')}` : ''}`; },
    onChosen: () => showChosen(),
  });
  const chosenOf = (state) => [...map.chosen].filter((i) => plan.state[i] === state);

  function showChosen() {
    if (!canvas.isConnected) return; // the operator left the view
    const places = [...map.chosen];
    const free = chosenOf(FREE).length;
    const blocked = chosenOf(BLOCKED).length;
    const others = places.length - free - blocked;
    const words = inWords(plan, places);
    chosen.replaceChildren(
      make('p', { id: 'chosen-sum' }, places.length === 0 ? say('seats.none-chosen') : say('seats.chosen', number(places.length), number(free), number(blocked))),
      ...(others > 0 ? [make('p', { className: 'small' }, say('seats.others', number(others)))] : []),
      ...(words.length > 0 ? [make('ul', { className: 'small' }, ...words.map((text) => make('li', {}, text)))] : []));
    byId('block').disabled = free === 0;
    byId('unblock').disabled = blocked === 0;
    byId('clear').disabled = places.length === 0;
    byId('block').textContent = say('seats.block', number(free));
    byId('unblock').textContent = say('seats.unblock', number(blocked));
  }

  async function change(what, from) {
    const places = chosenOf(from);
    if (places.length >= SURE_FROM && !(await confirmed({ title: say(`seats.${what}`, number(places.length)), text: say(`seats.${what}.means`), lines: inWords(plan, places), yes: say(`seats.${what}`, number(places.length)) }))) return;
    let done = 0;
    try {
      for (let at = 0; at < places.length; at += PER_CALL) {
        const part = places.slice(at, at + PER_CALL);
        const why = reason.value.trim();
        await call('seats', 'POST', `${path}/${what}`, { body: { seats: part.map((i) => plan.idOf(i)), ...(why === '' ? {} : { reason: why }) } });
        for (const i of part) { // the change is durable; the next picture will show it too
          map.chosen.delete(i);
          plan.state[i] = what === 'block' ? BLOCKED : FREE;
        }
        done += part.length;
      }
    } finally {
      if (done > 0) {
        outcome.textContent = say(`seats.${what}.done`, number(done));
        announce(outcome.textContent);
      }
      await read();
      showChosen();
      map.draw();
    }
  }

  // ---- by section, row and number ----

  function picker() {
    const zone = make('select', { id: 'pick-zone' }, ...plan.zones.map((one, n) => make('option', { value: n }, one.name)));
    const row = make('select', { id: 'pick-row' });
    const from = make('select', { id: 'pick-from' });
    const to = make('select', { id: 'pick-to' });
    const rowNow = () => plan.zones[zone.value].rows[row.value];
    const fillSeats = () => {
      const { from: first, to: end } = rowNow();
      for (const [list, at] of [[from, first], [to, end - 1]]) {
        list.replaceChildren(...Array.from({ length: end - first }, (_, n) => make('option', { value: first + n }, `${plan.numberOf(first + n)} · ${say(`seats.is.${KINDS[plan.state[first + n]]}`)}`)));
        list.value = String(at);
      }
    };
    const fillRows = () => {
      row.replaceChildren(...plan.zones[zone.value].rows.map((one, n) => make('option', { value: n }, one.label)));
      fillSeats();
    };
    zone.addEventListener('change', fillRows);
    row.addEventListener('change', fillSeats);
    fillRows();
    const field = (key, input) => make('label', { className: 'field' }, say(key), input);
    return make('details', { id: 'picker' }, make('summary', {}, say('pick.title')), make('div', { className: 'row end' }, field('pick.zone', zone), field('pick.row', row), field('pick.from', from), field('pick.to', to),
      button(say('pick.button'), () => {
        const [a, b] = [Number(from.value), Number(to.value)].sort((x, y) => x - y);
        map.choose(Array.from({ length: b - a + 1 }, (_, n) => a + n));
        map.go(a);
      }, { id: 'pick' })));
  }

  // ---- standing places ----

  function areas() {
    if (info.areas.length === 0) return [];
    const quantity = make('input', { id: 'area-quantity', type: 'number', min: 1, value: 1 });
    const act = (what) => async () => {
      const { json } = await call('seats', 'POST', `${path}/${what}`, { body: { area: area.value, quantity: Number(quantity.value) } });
      outcome.textContent = say(`seats.${what}.done`, number(Number(quantity.value)));
      info.categories = json.categories;
      showCounts();
    };
    return [make('details', {}, make('summary', {}, say('setup.areas')), make('div', { className: 'row end' }, make('label', { className: 'field' }, say('areas.area'), area), make('label', { className: 'field' }, say('areas.quantity'), quantity), button(say('areas.block'), act('block')), button(say('areas.unblock'), act('unblock'))))];
  }

  // ---- the page ----

  const rectangle = button(say('map.rectangle'), () => {
    map.byArea = !map.byArea;
    rectangle.setAttribute('aria-pressed', String(map.byArea));
  }, { id: 'rectangle', 'aria-pressed': 'false' });
  const tools = make('div', { className: 'row tools', role: 'group', 'aria-label': say('map.tools') }, button('+', () => map.zoom(1.6), { id: 'zoom-in', 'aria-label': say('map.in') }), button('−', () => map.zoom(1 / 1.6), { id: 'zoom-out', 'aria-label': say('map.out') }), button(say('orders.all'), () => map.all()), rectangle);
  const legend = make('ul', { className: 'legend seats' }, ...KINDS.map((kind) => make('li', {}, make('span', { className: `swatch ${kind}` }), say(`seats.${kind}`))));
  const acts = make('section', { className: 'card stack' }, make('h2', {}, say('seats.change')), chosen, make('label', { className: 'field' }, say('seats.reason'), reason),
    make('div', { className: 'row' }, button('', () => change('unblock', BLOCKED), { id: 'unblock' }), button(say('seats.clear'), () => map.clear(), { id: 'clear' })), outcome,
    make('div', { className: 'ending' }, button('', () => change('block', FREE), { id: 'block', className: 'danger' }), make('p', { className: 'small' }, say('seats.block.means'))));
  body.replaceChildren(sums, make('div', { className: 'hall' }, make('div', {}, tools, canvas, legend, seat, make('p', { id: 'map-help', className: 'small' }, say('map.help')), picker(), ...areas()), acts), make('h2', {}, say('seats.categories')), categories);
  map.resize();
  showCounts();
  showChosen();

  const askChanges = () => call('seats', 'GET', `${path}/availability?since=${sinceOf(plan)}`);

  async function changesNow() {
    try {
      return (await askChanges()).json;
    } catch (error) {
      if (error.status !== 422 || !plan.line) throw error;
      plan.line = ''; // an older service accepts only a version without a branch
      return (await askChanges()).json;
    }
  }

  async function read() {
    const changes = await changesNow();
    if (changes.resync) {
      const { octets, etag } = await call('seats', 'GET', `${path}/availability`, { octets: true, headers: { Accept: 'application/octet-stream' } });
      readPicture(plan, octets, markOf(etag));
    } else if (changes.version > plan.version) {
      applyChanges(plan, changes);
    } else {
      return;
    }
    info = await get('seats', path);
    showCounts();
    showChosen();
    map.draw();
  }

  return { refresh: read, close: () => map.close() };
}

