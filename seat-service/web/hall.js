// hall.js: the first view of the hall: loads it, draws it, and lets visitors move the map. Meanwhile it loads later.js,
// which has everything for choosing and paying. A seat that is pressed before that shows its card once later.js is
// loaded.

import { byId, call, kept, lang, make, money, Refused, say, sayError, serverNow } from './kit.js';
import { FREE, markOf, readPicture, readPlan } from './plan.js';
import { SeatMap } from './map.js';
import { signsOf, trace } from './paint.js';
import { lineOf, timeOf } from './when.js';

export * from './kit.js';
export * from './plan.js';
export { timeOf, trace };

export const event = decodeURIComponent(location.pathname.split('/')[2]);
export const path = `/v1/seats/${event}`;
const POLL_MS = 3_000;

export let info;
export let plan;
export let map;
export let prices = null; // formatted, by category
export const mine = new Set();
export const needs = {}; // {access, code}: sent with each hold
export const opened = { channel: null, opens: NaN }; // by the code; `opens`: the time of its own sale
export const count = (n) => n.toLocaleString(lang);
export const soon = (again) => setTimeout(again, POLL_MS * (0.75 + Math.random() / 2));

// ---- the second script, and what waits for it ----

async function importLater() {
  for (let tried = 0; ; tried++) {
    try {
      return await import(new URL(tried ? `later.js?${tried}` : 'later.js', import.meta.url)); // browsers do not retry a failed import of the same address
    } catch {
      await new Promise((again) => { setTimeout(again, POLL_MS); });
    }
  }
}

let sale = null;
let begin;
const arriving = importLater();
const begun = new Promise((done) => { begin = done; });
const inSale = (work) => (sale ? work(sale) : begun.then(() => work(sale)));

// ---- what the server would refuse ----

export const opensAt = (i) => (plan.notes.get(i)?.channel && opened.opens) || info.categories[plan.category[i]].opens;
const isAccessible = (i) => plan.notes.get(i)?.flags?.includes('accessible') ?? false;

function readTimes() {
  const at = (time, otherwise) => (time ? Date.parse(time) : otherwise);
  for (const terms of info.categories) Object.assign(terms, { opens: at(terms.on_sale_at, 0), ends: at(terms.off_sale_at, Infinity) });
  info.access_until = at(info.limits.access_until, Infinity);
}

export const isOnSale = ({ opens, ends }, from = opens) => serverNow() >= from && serverNow() < ends;
export const sayWhen = (opens) => (opens > serverNow() ? say('seat.early', timeOf(opens, info.time_zone)) : say('seat.blocked'));

// How many times are ahead at which seats begin or cease to be on sale.
export const salesAhead = () => [opened.opens, info.access_until, ...info.categories.flatMap(({ opens, ends }) => [opens, ends])].filter((at) => at > serverNow()).length;

// The code with which the server would refuse a hold of this free seat (seat-service/src/core/engine/engine_rules.c);
// '' if it would not.
export function refusalOf(i) {
  const { channel, flags } = plan.notes.get(i) ?? {};
  if (channel && channel !== opened.channel) return 'channel';
  if (!isOnSale(info.categories[plan.category[i]], opensAt(i))) return 'not-on-sale';
  if (!flags || serverNow() >= info.access_until) return '';
  if (isAccessible(i) && !needs.access) return 'accessible-seat';
  return flags.includes('companion') && ![...mine].some(isAccessible) ? 'companion-seat' : '';
}

// The same in words.
export function whyNot(i) {
  const code = refusalOf(i);
  return code === 'not-on-sale' ? sayWhen(opensAt(i)) : code && say('seat.reserved');
}

// Why nothing of the section is on offer.
function whyNone({ from, to, free }) {
  for (let i = from; i < to; i++) if (plan.state[i] === FREE && map.wanted[plan.category[i]]) return whyNot(i);
  return say(free > 0 ? 'seat.filtered' : 'seat.sold');
}

// Shows what is in view: the section in the middle, its prices, the seats left, and the direction of the stage.
const ARROWS = '↑↗→↘↓↙←↖';
function showWhere() {
  if (!prices) return;
  const zone = plan.zones[map.here];
  const cheapest = plan.zones.reduce((least, { cheapest: c }) => (c >= 0 && (least < 0 || plan.prices[c] < plan.prices[least]) ? c : least), -1);
  // One line on a phone: a second one would move the map between sections.
  const offered = zone ? [...new Set(zone.parts.filter(({ shown }) => shown > 0).map(({ category }) => category))] : [];
  const parts = zone
    ? [zone.name, ...(offered.length > 1 ? [say('map.from', prices[zone.cheapest])] : offered.map((c) => `${info.categories[c].name} ${prices[c]}`)), zone.shown > 0 ? say('map.left', count(zone.shown)) : whyNone(zone)]
    : [say('where.all'), cheapest >= 0 && say('map.left', count(plan.zones.reduce((sum, { shown }) => sum + shown, 0))), cheapest >= 0 && say('map.from', prices[cheapest])].filter(Boolean);
  const put = (id, text) => { if (byId(id).textContent !== text) byId(id).textContent = text; };
  put('where-text', parts.join(' · '));
  put('where-stage', zone ? say('where.stage', ARROWS[map.stageAt]) : '');
}

// ---- loading ----

async function get(what) {
  const answer = await fetch(`${path}/${what}`).catch(() => { throw new Refused(0, { code: 'offline' }); });
  if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => ({})));
  return answer;
}

export async function fetchPicture() {
  const answer = await get('availability?form=octets');
  return [new Uint8Array(await answer.arrayBuffer()), markOf(answer.headers.get('ETag'))];
}

// ---- the controls ----

const view = kept('fg-view');

export function show(which) {
  for (const name of ['map', 'list']) {
    byId(`show-${name}`).setAttribute('aria-pressed', String(name === which));
    byId(`${name}-view`).hidden = name !== which;
  }
  sale?.onShow(which);
  if (which === 'map') map.resize();
  view.set(which);
}

export const viewKept = () => (view.get() === 'list' ? 'list' : 'map');

const SVG = 'http://www.w3.org/2000/svg';
class Tracer { // records a canvas path as an SVG path: the code that draws seats draws swatches too
  d = '';
  moveTo(x, y) { this.d += `M${x} ${y}`; }
  lineTo(x, y) { this.d += `L${x} ${y}`; }
  arc(x, y, r) { this.d += `A${r} ${r} 0 1 1 ${x - r} ${y}A${r} ${r} 0 1 1 ${x + r} ${y}`; }
  closePath() { this.d += 'Z'; }
}

function swatch(c, shape) { // attributes, not a style: the content security policy allows no inline styles
  const svg = document.createElementNS(SVG, 'svg');
  const sign = document.createElementNS(SVG, 'path');
  const tracer = new Tracer();
  trace(tracer, shape, 8, 8, 7);
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  sign.setAttribute('d', tracer.d);
  sign.dataset.category = c;
  svg.append(sign);
  return svg;
}

function colourSwatches() {
  for (const sign of document.querySelectorAll('[data-category]')) sign.setAttribute('fill', map.paints[sign.dataset.category].css);
}

// One press shows only this category, another shows all again.
let only = -1;
function showOnly(c) {
  only = c;
  map.wanted.forEach((_, n) => { map.wanted[n] = c < 0 || n === c; });
  byId('categories').querySelectorAll('button').forEach((button, n) => button.setAttribute('aria-pressed', String(n - 1 === c)));
  map.refresh();
  showCounts();
  sale?.onFilter();
}

function addCategories() {
  const chip = (c, ...content) => {
    const button = make('button', { type: 'button', 'aria-pressed': String(c < 0) }, ...content);
    button.addEventListener('click', () => showOnly(c === only ? -1 : c));
    return button;
  };
  const signs = signsOf(info.categories.map(({ price }) => price));
  byId('categories').append(chip(-1, say('filter.all')), ...info.categories.map(({ name }, c) => chip(c, swatch(c, signs[c]), make('b', {}, name), make('span'), make('small'))));
}

export function showCounts() {
  if (!prices) return;
  const options = [...byId('best-category').options];
  byId('legend-other').hidden = plan.zones.every(({ free, shown }) => free === shown);
  byId('categories').querySelectorAll('small').forEach((small, c) => {
    const { name, opens } = info.categories[c];
    const text = opens > serverNow() ? sayWhen(opens) : count(plan.freeOf[c]);
    if (small.textContent !== text) small.textContent = text;
    const option = options.find(({ value }) => value === name);
    if (option) option.disabled = plan.freeOf[c] === 0;
  });
  byId('areas').querySelectorAll('.area').forEach((line, a) => { line.textContent = lineOfArea(info.areas[a]); });
}

export function showPrices() {
  plan.prices = info.categories.map(({ price }) => price);
  prices = plan.prices.map((price) => money(price, info.currency));
  const options = [...byId('best-category').options];
  info.categories.forEach(({ name }, c) => {
    byId('categories').querySelectorAll('span')[c].textContent = prices[c];
    const option = options.find(({ value }) => value === name);
    if (option) option.textContent = `${name} ${prices[c]}`;
  });
}

// Prices are added after the hall is drawn: loading a language's number format takes a browser as long as drawing the
// hall. Categories of standing places alone cannot be filtered by or searched.
function addPrices() {
  map.price = (c) => prices[c];
  const seated = new Set(plan.category);
  info.categories.forEach(({ name }, c) => {
    if (seated.has(c)) byId('best-category').append(make('option', { value: name }));
    else byId('categories').querySelectorAll('button')[c + 1].hidden = true; // button 0 is all categories
  });
  showPrices();
  for (let q = 1; q <= info.limits.max_per_hold; q++) byId('best-quantity').append(make('option', { value: q, textContent: q, selected: q === 2 }));
  showCounts();
  map.wake();
}

export const nameOfArea = (area) => area.name || area.id;

export const termsOfArea = (area) => info.categories.find((other) => other.name === area.category);

export function lineOfArea(area) {
  const terms = termsOfArea(area);
  return say(isOnSale(terms) ? 'areas.line' : 'areas.closed', nameOfArea(area), money(terms.price, info.currency), isOnSale(terms) ? area.free : sayWhen(terms.opens));
}

function addAreas() {
  byId('areas').hidden = info.areas.length === 0;
  byId('hall').classList.toggle('standing', info.seats === 0); // without seats, the areas below the stage are the hall
  byId('areas').querySelector('ul').append(...info.areas.map((area) => {
    const quantity = make('select', { 'aria-label': say('areas.quantity', nameOfArea(area)) });
    for (let q = 1; q <= info.limits.max_per_hold; q++) quantity.append(make('option', { value: q, textContent: q }));
    const button = make('button', { type: 'button', textContent: say('areas.take') });
    button.addEventListener('click', () => inSale(({ takeArea }) => takeArea(area.id, Number(quantity.value))));
    return make('li', {}, make('span', { className: 'area', textContent: lineOfArea(area) }), make('meter', { max: area.capacity, value: area.free, 'aria-hidden': 'true' }), quantity, button);
  }));
}

function addNeeds() {
  byId('needs').hidden = !info.codes && !info.accessible;
  byId('needs-access').hidden = !info.accessible;
  byId('code-form').hidden = !info.codes;
}

function listen() {
  byId('show-map').addEventListener('click', () => show('map'));
  byId('show-list').addEventListener('click', () => show('list'));
  byId('zoom-in').addEventListener('click', () => map.zoomBy(1.8));
  byId('zoom-out').addEventListener('click', () => map.zoomBy(1 / 1.8));
  byId('zoom-all').addEventListener('click', () => map.showAll());
}

// Resolves when the changes are on the screen, or after 200 ms on a hidden page, which draws nothing.
const drawn = () => new Promise((done) => {
  requestAnimationFrame(() => setTimeout(done));
  setTimeout(done, 200);
});

// Builds the page around the hall while the rows are loading: visible, but not yet usable.
function frame() {
  document.title = info.name;
  byId('name').textContent = info.name;
  byId('show').textContent = lineOf(info);
  for (const id of ['sale', 'cart']) byId(id).hidden = false;
  byId('sale').inert = true;
  byId('fees').hidden = !info.fees;
  addCategories();
  addAreas();
  addNeeds();
  map = new SeatMap(byId('map'), { onAsk: (i, byKey) => inSale(({ ask }) => ask(i, byKey)), onPoint: (i) => sale?.describeSeat(i), onView: showWhere });
  map.mine = mine;
  byId('map').addEventListener('recolour', colourSwatches);
  show(viewKept());
}

// Requests everything at once, and builds what visitors see before what they use.
async function open() {
  const [picture, geometry] = [fetchPicture(), get('plan?form=rows').then((answer) => answer.json())];
  for (const part of [picture, geometry]) part.catch(() => {}); // reported by the await below
  info = await call('GET', path);
  readTimes();
  if (!map) frame();
  plan = readPlan(await geometry);
  plan.prices = info.categories.map(({ price }) => price);
  plan.mayTake = (i) => plan.state[i] === FREE && refusalOf(i) === '';
  readPicture(plan, ...await picture);
  map.show(plan);
  byId('wait').hidden = true;
  byId('hall').dataset.seen = 'hall';
  await drawn();
  map.furnish(new URLSearchParams(location.search).has('plain'));
  listen();
  byId('sale').inert = false;
  byId('hall').dataset.seen = 'seats';
  await drawn();
  addPrices();
  const script = await arriving;
  const opened = script.openSale();
  sale = script;
  begin();
  await opened;
  byId('hall').dataset.ready = lang;
}

// Loads the hall, and retries while the service is unreachable or failing.
async function openAtLast() {
  try {
    await open();
  } catch (error) {
    if (error instanceof Refused && error.status === 401) (await arriving).refuse(error, openAtLast);
    else {
      byId('wait').hidden = false;
      byId('wait').className = 'lost';
      byId('wait').textContent = !(error instanceof Refused) ? say('error.other') : error.status === 0 ? say('unreachable') : error.status >= 500 && error.code !== 'event-out' ? say('opening') : sayError(error);
    }
    if (!(error instanceof Refused)) throw error;
    if (error.status === 0 || error.status >= 500) soon(openAtLast);
  }
}

openAtLast();
