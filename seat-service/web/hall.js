// hall.js: the page put together: loads the hall, keeps it true by the stream, and lets map, list and
// cart speak of the same seats. What nobody needs for the first look comes after it, in later.js.

import { announce, byId, call, knows, lang, make, minutes, money, Refused, say, sayError, serverNow } from './kit.js';
import { Live } from './live.js';
import { applyChanges, FREE, HELD, readPicture, readPlan, SOLD, versionOf } from './plan.js';
import { SeatMap } from './map.js';
import { trace } from './paint.js';
import { Basket } from './basket.js';

export * from './kit.js';
export * from './plan.js';

const event = decodeURIComponent(location.pathname.split('/')[2]);
const path = `/v1/seats/${event}`;
const HEARTBEAT_MS = 60_000;
const HEARTBEAT_MIN_MS = 5_000;
const POLL_MS = 3_000;
const LOST_MS = 2_000; // without the stream, until it is told
const WARN_AT_S = [120, 60, 20];

let info;
let plan;
let map;
let list;
let proposals;
let live;
const mine = new Set();
const basket = new Basket(event, { onChange: onBasket });

// ---- words of a seat ----

const nameIn = (i, numbers) => say('seat.name', plan.zones[plan.zoneOf[i]].name, plan.zones[plan.zoneOf[i]].rows[plan.rowOf[i]].label, numbers);
const nameOf = (i) => nameIn(i, plan.numbers[i]);

// Several in one line, those of a row together.
function nameOfAll(places) {
  const rows = new Map();
  for (const i of places) {
    const row = plan.zones[plan.zoneOf[i]].rows[plan.rowOf[i]];
    rows.set(row, [...rows.get(row) ?? [], i]);
  }
  return [...rows.values()].map((row) => nameIn(row[0], row.map((i) => plan.numbers[i]).join(', '))).join(' · ');
}
const termsOf = (i) => info.categories[plan.category[i]]; // in the plan's order
const priceOf = (i) => money(termsOf(i).price, info.currency);
const count = (n) => n.toLocaleString(lang);

// What whoever takes the seat should know before, and how they come to it.
function marksOf(i) {
  const { flags = [], sight, channel } = plan.notes.get(i) ?? {};
  return [...flags.map((flag) => say(`flag.${flag}`)), channel && channel !== opened ? say('flag.channel') : '', sight].filter(Boolean);
}

function wayTo(i) {
  const { entrance, floor } = plan.notes.get(i) ?? {};
  return [entrance, floor].filter(Boolean).join(' · ');
}

function describe(i) {
  const state = plan.state[i];
  const how = map.pending.has(i) ? say('seat.pending') : mine.has(i) ? say('seat.mine') : state === FREE ? say('seat.free') : state === HELD ? say('seat.held') : state === SOLD ? say('seat.sold') : say('seat.blocked');
  return [nameOf(i), `${termsOf(i).name} ${priceOf(i)}`, how, ...marksOf(i), wayTo(i)].filter(Boolean).join(' · ');
}

let opened = null; // the channel that the code opens
let pointed = -1; // the seat that is told of below the map; none: what one can do there
function tellOf(i) {
  pointed = i;
  const text = pointed < 0 ? say('map.hint') : describe(pointed);
  if (byId('seat').textContent !== text) byId('seat').textContent = text;
}

// What is about to be hidden hands the focus on: lost, it would begin anew at the top of the page.
function handOn(box) {
  if (box.contains(document.activeElement)) byId(byId('map-view').hidden ? 'show-list' : 'map-top').focus({ preventScroll: true });
}

// A seat that a finger has pointed at, where it covers more than one: taken by a button.
function ask(i) {
  map.asked = i;
  if (i < 0) handOn(byId('pick'));
  byId('pick').hidden = i < 0;
  map.wake();
  if (i < 0) return;
  const own = mine.has(i);
  byId('pick-text').textContent = describe(i);
  byId('pick-take').hidden = !own && plan.state[i] !== FREE;
  byId('pick-take').textContent = say(own ? 'pick.release' : 'pick.take');
}

// Nothing is pointed at any more.
function lookAway() {
  map.cursor = -1;
  ask(-1);
  tellOf(-1);
}

// Where one is: the section, what its seats cost, how many are left, which way the stage is.
const ARROWS = '↑↗→↘↓↙←↖';
function tellWhere() {
  if (!prices) return;
  const zone = plan.zones[map.here];
  const cheapest = plan.zones.reduce((least, { cheapest: c }) => (c >= 0 && (least < 0 || plan.prices[c] < plan.prices[least]) ? c : least), -1);
  const offered = zone ? [...new Set(zone.parts.filter(({ shown }) => shown > 0).map(({ category }) => category))] : [];
  const parts = zone
    ? [zone.name, ...offered.map((c) => `${info.categories[c].name} ${prices[c]}`), zone.shown > 0 ? say('map.left', count(zone.shown)) : say('seat.sold')]
    : [say('where.all'), cheapest >= 0 && say('map.left', count(plan.zones.reduce((sum, { shown }) => sum + shown, 0))), cheapest >= 0 && say('map.from', prices[cheapest])].filter(Boolean);
  const put = (id, text) => { if (byId(id).textContent !== text) byId(id).textContent = text; };
  put('where-text', parts.join(' · '));
  put('where-stage', zone ? say('where.stage', ARROWS[map.stageAt]) : '');
}

// ---- trouble, and what to do about it ----

function trouble(text, offers = [], take = (seats) => basket.add(seats)) {
  byId('trouble-text').textContent = text;
  proposals?.close();
  const choices = offers.map((offer) => offer.seats.map((id) => plan.placeOf.get(id)));
  map.offers?.show(choices);
  byId('offers').replaceChildren(...offers.map((offer, n) => {
    const places = choices[n];
    const label = `${n + 1} · ${say('trouble.offer', nameOfAll(places), money(offer.total, info.currency))}`;
    const button = make('button', { type: 'button', textContent: label });
    button.addEventListener('click', () => attempt(places, () => take(offer.seats)));
    return button;
  }));
  byId('trouble').hidden = false;
  byId('trouble').scrollTop = 0;
}

function calm() {
  if (byId('trouble').hidden) return;
  handOn(byId('trouble'));
  byId('trouble').hidden = true;
  map.offers?.show([]);
}

// A visit that is over is over on the whole page.
function gone(code) {
  if (code === 'pass-missing') byId('gone').querySelector('h2').textContent = say('gone.not-yet');
  byId('gone-text').textContent = knows(`gone.${code}`) ? say(`gone.${code}`) : say('gone.other');
  byId('gone-link').href = `/e/${event}#in`;
  byId('gone').hidden = false;
  for (const id of ['sale', 'cart', 'wait', 'visit']) byId(id).hidden = true;
}

// Visitors who did not know of the choice are asked where it matters: the seat is there, and it is kept for some.
function offerAccess(places, work) {
  trouble(sayError(new Refused(403, { code: 'accessible-seat' })));
  const button = make('button', { type: 'button', textContent: say('needs.take-access') });
  button.addEventListener('click', () => {
    setAccess(true);
    attempt(places, work);
  });
  byId('offers').replaceChildren(button);
}

// The clock of a visit stands while the seats are down, so it may have outlived its pass: then it gets a
// new one, and what was refused is tried again.
async function refuse({ code }, again) {
  const renew = () => call('POST', `/v1/queue/${event}/session`).then(() => true, ({ status }) => status === 0 || status >= 500);
  if (code === 'pass-expired' && await renew()) again();
  else gone(code);
}

function explain(error, places = [], work = null) {
  if (!(error instanceof Refused)) throw error;
  if (error.status === 401) refuse(error, () => trouble(say('error.other')));
  else if (error.code === 'accessible-seat' && work !== null && !byId('access').checked) offerAccess(places, work);
  else if (error.code === 'seats-taken') {
    const lost = (error.problem.seats ?? []).map((id) => plan.placeOf.get(id));
    for (const i of lost) if (plan.state[i] === FREE) plan.state[i] = HELD; // until the stream says more
    const offers = error.problem.alternatives ?? [];
    trouble(say(offers.length > 0 ? 'trouble.taken' : 'trouble.taken-none', lost.map(nameOf).join(', ')), offers);
  } else trouble(sayError(error));
}

// ---- taking and giving back ----

async function attempt(places, work) {
  calm();
  ask(-1);
  const told = () => {
    map.refresh();
    list?.refresh();
    tellOf(pointed);
  };
  for (const i of places) map.pending.add(i);
  told();
  try {
    await work();
  } catch (error) {
    explain(error, places, work);
  } finally {
    for (const i of places) map.pending.delete(i);
    told();
  }
}

function toggle(i) {
  if (map.pending.has(i)) return;
  if (basket.closed) { trouble(say('error.hold-paying')); return; }
  if (mine.has(i)) attempt([i], () => basket.remove(plan.ids[i]));
  else if (plan.state[i] === FREE) attempt([i], () => basket.add([plan.ids[i]]));
  else trouble(say('trouble.not-free', nameOf(i)));
}

// ---- what is kept for some ----

function setAccess(on) {
  byId('access').checked = on;
  if (on) basket.needs.access = true;
  else delete basket.needs.access;
}

function forgetCode() {
  delete basket.needs.code;
  opened = null;
}

const KEPT_CODE = `fg-code-${event}`;
function keepCode(code) {
  try {
    if (code) sessionStorage.setItem(KEPT_CODE, code);
    else sessionStorage.removeItem(KEPT_CODE);
  } catch { /* asked for again after a reload */ }
}

// Whether it is one is asked before a seat hangs on it.
async function checkCode() {
  const code = byId('code').value.trim();
  const told = byId('code-told');
  forgetCode();
  try {
    const { channel, name, on_sale_at: at } = await call('POST', `${path}/codes`, { code });
    basket.needs.code = code;
    opened = channel;
    const early = at && Date.parse(at) > serverNow();
    told.textContent = early ? say('needs.code-early', name, new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeStyle: 'short' }).format(Date.parse(at))) : say('needs.code-good', name);
    keepCode(code);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) return refuse(error, checkCode);
    told.textContent = error.code === 'code-unknown' ? say('needs.code-wrong') : sayError(error);
    if (error.code === 'code-unknown') keepCode('');
  }
  byId('code').setAttribute('aria-invalid', String(opened === null));
  map.refresh();
  list?.refresh();
  tellOf(pointed);
}

function addNeeds() {
  byId('needs').hidden = !info.codes && !info.accessible;
  byId('needs-access').hidden = !info.accessible;
  byId('code-form').hidden = !info.codes;
}

function restoreCode() {
  let code = null;
  try { code = sessionStorage.getItem(KEPT_CODE); } catch { /* see keepCode() */ }
  if (!info.codes || !code) return;
  byId('code').value = code;
  checkCode();
}

// Of each category its best, to be looked at and compared: nothing is held before one is chosen.
async function propose(event_) {
  event_.preventDefault();
  calm();
  ask(-1);
  const category = byId('best-category').value;
  const wish = { quantity: Number(byId('best-quantity').value), adjacent: byId('best-adjacent').checked, ...(category && { category }) };
  try {
    const found = await call('POST', `${path}/proposals`, { best_available: wish, ...basket.needs });
    byId('best').open = false;
    show('map');
    proposals.show(found.proposals, byId('best-wish').value === 'near');
  } catch (error) {
    explain(error);
  }
}

async function takeProposal(seats, places) {
  proposals.close();
  const before = basket.hold;
  await attempt(places, () => (mine.size > 0 ? basket.exchange(seats) : basket.add(seats)));
  if (basket.hold !== before && mine.size > 0) showMine();
}

function showMine() {
  const [first] = mine;
  map.cursor = first;
  map.showSeats([...mine]);
  list?.show(first);
  tellOf(first);
}

async function offerOthers() {
  try {
    const offers = await basket.alternatives();
    trouble(say(offers.length > 0 ? 'others.choose' : 'others.none'), offers, async (seats) => {
      await basket.exchange(seats);
      showMine();
    });
  } catch (error) {
    explain(error);
  }
}

// ---- the cart ----

const SHORT_FROM = 3; // seats; a phone says these in one line

function showShort() {
  const short = mine.size >= SHORT_FROM;
  byId('cart-places').textContent = short ? nameOfAll([...mine]) : '';
  byId('cart-short').hidden = !short;
  byId('cart').classList.toggle('short', short);
}

function openShort() {
  const open = byId('cart').classList.toggle('open');
  byId('cart-open').setAttribute('aria-expanded', String(open));
}

function onBasket() {
  const { hold } = basket;
  mine.clear();
  for (const id of basket.seats) mine.add(plan.placeOf.get(id));
  map?.refresh();
  list?.refresh();
  if (list) showFull();
  proposals?.refresh();
  const quantity = hold?.quantity ?? 0;
  const sum = hold && quantity > 0 ? say('cart.sum', quantity, money(hold.total, hold.currency)) : say('cart.empty');
  byId('cart-sum').textContent = sum;
  byId('cart-back').hidden = !hold || basket.closed;
  byId('cart-others').hidden = mine.size === 0 || basket.closed;
  byId('cart-pay').hidden = !hold;
  byId('cart-pay').href = hold ? `/pay/checkout?event=${encodeURIComponent(event)}&hold=${encodeURIComponent(hold.hold)}` : '/';
  byId('cart-pay').textContent = say(basket.closed ? 'cart.go-on' : 'cart.pay');
  byId('cart-seats').replaceChildren(...(hold?.places ?? []).map(cartLine));
  showShort();
  if (hold?.area) byId('cart-seats').append(make('li', { textContent: `${nameOfArea(info.areas.find(({ id }) => id === hold.area))} × ${quantity}` }));
  announce(sum);
  showClock();
}

function cartLine(place) {
  const name = say('seat.name', place.zone, place.row, place.number);
  const told = [name, money(place.price, info.currency), ...marksOf(plan.placeOf.get(place.id))];
  const line = make('li', {}, make('span', { textContent: told.join(' · ') }));
  if (basket.closed) return line;
  const button = make('button', { type: 'button', textContent: '✕', 'aria-label': say('cart.remove', name) });
  button.addEventListener('click', () => attempt([plan.placeOf.get(place.id)], () => basket.remove(place.id)));
  line.append(button);
  return line;
}

let warnedAt = Infinity;
function showClock() {
  const left = basket.hold?.expires_at ? basket.expiresAt - serverNow() : 0;
  const clock = byId('cart-clock');
  clock.textContent = basket.hold ? minutes(left) : '';
  clock.classList.toggle('late', left < 60_000);
  const mark = WARN_AT_S.findLast((s) => left <= s * 1000);
  if (!basket.hold) warnedAt = Infinity;
  else if (mark !== undefined && mark < warnedAt && left > 0) {
    warnedAt = mark;
    announce(say('cart.hurry', minutes(left)));
  }
}

function runOut() {
  lookAway();
  trouble(say('cart.ran-out'));
  basket.queue(() => basket.reread()).catch(explain);
}

// ---- live ----

async function get(what) {
  const answer = await fetch(`${path}/${what}`).catch(() => { throw new Refused(0, { code: 'offline' }); });
  if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => ({})));
  return answer;
}

async function fetchPicture() {
  const answer = await get('availability?form=octets');
  return [new Uint8Array(await answer.arrayBuffer()), versionOf(answer.headers.get('ETag'))];
}

// A hall with nothing left says so, to spare visitors a search in vain. Seats that are only
// held may come back, sold ones hardly do.
function showFull() {
  const any = (state) => plan.state.includes(state);
  const full = mine.size === 0 && !any(FREE) && info.areas.every(({ free }) => free === 0);
  byId('full').textContent = full ? say(any(HELD) ? 'full.held' : 'full.sold') : '';
}

function changed() {
  map.refresh();
  list?.refresh();
  showFull();
  tellOf(pointed);
  showCounts();
  proposals?.refresh();
  if (map.asked >= 0) ask(map.asked);
}

// Standing places have no version of their own: whatever is told of them is the newest.
function takeAreas(areas) {
  for (const { id, free } of areas ?? []) {
    const area = info.areas.find((other) => other.id === id);
    if (area === undefined || area.free === free) continue;
    area.free = free;
    byId('areas').querySelectorAll('.area')[info.areas.indexOf(area)].textContent = lineOfArea(area);
  }
}

// A line that is back within a moment is not worth a word. After a longer cut the seats are read by the
// stream, and what became of the hold is asked.
let lost = 0;
let stream = null;

function onLost(afterMs) {
  if (lost === 0) lost = setTimeout(() => { byId('lost').textContent = say('lost'); }, afterMs);
}

function onFound() {
  if (lost === 0) return;
  clearTimeout(lost);
  lost = 0;
  byId('lost').textContent = '';
  basket.queue(() => basket.restore()).catch(() => {}); // its clock goes on; the next change tells
}

function follow() {
  stream?.close();
  stream = new EventSource(`${path}/stream?since=${plan.version}`);
  stream.addEventListener('open', onFound);
  stream.addEventListener('seats', (message) => {
    const changes = JSON.parse(message.data);
    takeAreas(changes.areas);
    live.take(changes);
  });
  stream.addEventListener('resync', (message) => {
    takeAreas(JSON.parse(message.data).areas);
    live.renew();
  });
  // The browser comes back by itself after a lost connection, but not after an answer that is not a stream.
  stream.addEventListener('error', () => {
    onLost(LOST_MS);
    if (stream.readyState === EventSource.CLOSED) setTimeout(poll, POLL_MS * (0.75 + Math.random() / 2));
  });
}

async function poll() {
  try {
    const changes = await call('GET', `${path}/availability?since=${plan.version}`);
    takeAreas(changes.areas);
    if (changes.resync) await live.renew();
    else live.take(changes);
    follow();
  } catch (error) {
    if (error.status === 401) refuse(error, poll);
    else setTimeout(poll, POLL_MS * (0.75 + Math.random() / 2));
  }
}

// ---- the visit ----

// Each sign of life makes the visit longer, up to an end that nothing moves.
const visit = { expires: NaN, ends: NaN, unheard: false };
let heartbeatTimer = 0;

async function heartbeat() {
  clearTimeout(heartbeatTimer);
  try {
    const told = await call('POST', `/v1/queue/${event}/session`);
    Object.assign(visit, { expires: Date.parse(told.expires_at), ends: Date.parse(told.ends_at), unheard: false });
  } catch (error) {
    visit.unheard = true;
    if (error.status === 401 || error.status === 410) return gone(error.code);
  }
  const left = visit.expires - serverNow() || HEARTBEAT_MS;
  heartbeatTimer = setTimeout(heartbeat, Math.max(HEARTBEAT_MIN_MS, Math.min(HEARTBEAT_MS, left / 2)));
  showVisit();
}

// Before the end everybody is told; before that of a visit whose signs of life do not arrive, too, and
// there a press sends one more.
let visitWarnedAt = Infinity;
function showVisit() {
  const final = !(visit.expires < visit.ends);
  const left = (final ? visit.ends : visit.expires) - serverNow();
  const near = (final || visit.unheard) && byId('gone').hidden;
  const mark = near ? WARN_AT_S.findLast((s) => left <= s * 1000) : undefined;
  byId('visit').hidden = mark === undefined;
  byId('visit-stay').hidden = final;
  if (mark === undefined) return (visitWarnedAt = Infinity);
  const text = say(final ? 'visit.ends' : 'visit.unheard', minutes(left));
  if (byId('visit-text').textContent !== text) byId('visit-text').textContent = text;
  if (mark < visitWarnedAt && left > 0) announce(text);
  visitWarnedAt = mark;
}

// ---- the controls ----

function show(which) {
  for (const name of ['map', 'list']) {
    byId(`show-${name}`).setAttribute('aria-pressed', String(name === which));
    byId(`${name}-view`).hidden = name !== which;
  }
  if (which === 'list' && map.cursor >= 0) list?.show(map.cursor);
  else if (which === 'list' && map.here >= 0) list?.openZone(map.here, 0);
  if (which === 'list') list?.showCards();
  if (which === 'map') map.resize();
  try { localStorage.setItem('fg-view', which); } catch { /* chosen again next time */ }
}

function viewKept() {
  let view = 'map';
  try { view = localStorage.getItem('fg-view') ?? 'map'; } catch { /* the map, then */ }
  return view === 'list' ? 'list' : 'map';
}

const SVG = 'http://www.w3.org/2000/svg';
class Tracer { // a canvas's path as that of an SVG: swatches are drawn as seats are
  d = '';
  moveTo(x, y) { this.d += `M${x} ${y}`; }
  lineTo(x, y) { this.d += `L${x} ${y}`; }
  arc(x, y, r) { this.d += `A${r} ${r} 0 1 1 ${x - r} ${y}A${r} ${r} 0 1 1 ${x + r} ${y}`; }
  closePath() { this.d += 'Z'; }
}

function swatch(c) { // attributes, not a style: the policy allows no inline styles
  const svg = document.createElementNS(SVG, 'svg');
  const sign = document.createElementNS(SVG, 'path');
  const tracer = new Tracer();
  trace(tracer, c, 8, 8, 7);
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

// A press shows only this category, another one all again.
let only = -1;
function showOnly(c) {
  only = c;
  map.wanted.forEach((_, n) => { map.wanted[n] = c < 0 || n === c; });
  byId('categories').querySelectorAll('button').forEach((button, n) => button.setAttribute('aria-pressed', String(n - 1 === c)));
  if (!byId('list-view').hidden) list?.showCards();
  changed();
}

function addCategories() {
  const chip = (c, ...content) => {
    const button = make('button', { type: 'button', 'aria-pressed': String(c < 0) }, ...content);
    button.addEventListener('click', () => showOnly(c === only ? -1 : c));
    return button;
  };
  byId('categories').append(chip(-1, say('filter.all')), ...info.categories.map(({ name }, c) => chip(c, swatch(c), make('b', {}, name), make('span'), make('small'))));
}

function showCounts() {
  if (!prices) return;
  byId('categories').querySelectorAll('small').forEach((small, c) => {
    const text = count(plan.freeOf[c]);
    if (small.textContent !== text) small.textContent = text;
  });
}

// What they cost comes after the hall: to learn how a language writes an amount takes a browser as long
// as to draw it.
let prices = null;
function addPrices() {
  prices = info.categories.map(({ price }) => money(price, info.currency));
  map.price = (c) => prices[c];
  info.categories.forEach(({ name }, c) => {
    byId('categories').querySelectorAll('span')[c].append(prices[c]);
    byId('best-category').append(make('option', { value: name, textContent: `${name} ${prices[c]}` }));
  });
  for (let q = 1; q <= info.limits.max_per_hold; q++) byId('best-quantity').append(make('option', { value: q, textContent: q, selected: q === 2 }));
  showCounts();
  map.wake();
}

const nameOfArea = (area) => area.name || area.id;

function lineOfArea(area) {
  const terms = info.categories.find((other) => other.name === area.category);
  return say('areas.line', nameOfArea(area), money(terms.price, info.currency), area.free);
}

function addAreas() {
  byId('areas').hidden = info.areas.length === 0;
  byId('areas').querySelector('ul').append(...info.areas.map((area) => {
    const quantity = make('select', { 'aria-label': say('areas.quantity', nameOfArea(area)) });
    for (let q = 1; q <= info.limits.max_per_hold; q++) quantity.append(make('option', { value: q, textContent: q }));
    const button = make('button', { type: 'button', textContent: say('areas.take') });
    button.addEventListener('click', () => {
      if (basket.hold) trouble(say('error.seats-and-area'));
      else attempt([], () => basket.area(area.id, Number(quantity.value)));
    });
    return make('li', {}, make('span', { className: 'area', textContent: lineOfArea(area) }), quantity, button);
  }));
}

function listen() {
  byId('show-map').addEventListener('click', () => show('map'));
  byId('show-list').addEventListener('click', () => show('list'));
  byId('zoom-in').addEventListener('click', () => map.zoomBy(1.8));
  byId('zoom-out').addEventListener('click', () => map.zoomBy(1 / 1.8));
  byId('zoom-all').addEventListener('click', () => map.showAll());
  byId('best-form').addEventListener('submit', propose);
  byId('access').addEventListener('change', () => setAccess(byId('access').checked));
  byId('code-form').addEventListener('submit', (event_) => {
    event_.preventDefault();
    checkCode();
  });
  byId('trouble-close').addEventListener('click', calm);
  byId('pick-take').addEventListener('click', () => toggle(map.asked));
  byId('pick-close').addEventListener('click', lookAway);
  byId('cart-open').addEventListener('click', openShort);
  byId('cart-others').addEventListener('click', offerOthers);
  byId('cart-back').addEventListener('click', () => {
    lookAway();
    attempt([...mine], () => basket.giveBack());
  });
  addEventListener('offline', () => onLost(0));
  addEventListener('online', () => { if (lost) poll(); });
  // Back from the checkout by the browser's button, or from another tab: what became of the hold?
  addEventListener('pageshow', (shown) => { if (shown.persisted) basket.queue(() => basket.restore()).catch(explain); });
  addEventListener('storage', ({ key }) => { if (key === basket.kept) basket.queue(() => basket.restore()).catch(explain); });
  document.addEventListener('visibilitychange', () => { if (!document.hidden && basket.hold) basket.queue(() => basket.restore()).catch(() => {}); });
  setInterval(() => {
    const over = basket.hold?.expires_at && basket.expiresAt <= serverNow();
    showClock();
    showVisit();
    if (over && !basket.ranOut) runOut();
    basket.ranOut = Boolean(over);
  }, 500);
  byId('visit-stay').addEventListener('click', heartbeat);
  heartbeat();
}

// When what was changed is on the screen. A page that nobody looks at draws nothing, and goes on.
const drawn = () => new Promise((done) => {
  requestAnimationFrame(() => setTimeout(done));
  setTimeout(done, 200);
});

// The page around the hall, made while the rows are on their way: to be looked at, not yet to be used.
function frame() {
  document.title = info.name;
  byId('name').textContent = info.name;
  for (const id of ['sale', 'cart']) byId(id).hidden = false;
  byId('sale').inert = true;
  addCategories();
  addAreas();
  addNeeds();
  map = new SeatMap(byId('map'), { onTake: toggle, onAsk: ask, onPoint: tellOf, onView: tellWhere });
  map.mine = mine;
  byId('map').addEventListener('recolour', colourSwatches);
  show(viewKept());
}

async function importLater() {
  for (let tried = 0; ; tried++) {
    try {
      return await import(new URL(tried ? `later.js?${tried}` : 'later.js', import.meta.url)); // a name that has failed is not asked for again
    } catch {
      await new Promise((again) => { setTimeout(again, POLL_MS); });
    }
  }
}

// All is on its way together; what is seen comes before what is used.
async function open() {
  const [picture, geometry] = [fetchPicture(), get('plan?form=rows').then((answer) => answer.json())];
  for (const part of [picture, geometry]) part.catch(() => {}); // told by who waits for it
  info = await call('GET', path);
  if (!map) frame();
  plan = readPlan(await geometry);
  plan.prices = info.categories.map(({ price }) => price);
  readPicture(plan, ...await picture);
  live = new Live(plan, { fetchPicture, read: readPicture, apply: applyChanges, onChange: changed, later: (again) => setTimeout(() => { if (byId('gone').hidden) again(); }, POLL_MS * (0.75 + Math.random() / 2)) });
  map.show(plan);
  byId('wait').hidden = true;
  byId('hall').dataset.seen = 'hall';
  await drawn();
  map.furnish(new URLSearchParams(location.search).has('plain'));
  listen();
  onBasket();
  byId('sale').inert = false;
  byId('hall').dataset.seen = 'seats';
  await drawn();
  addPrices();
  const { Mini, Offers, Proposals, SeatList, Tags } = await importLater();
  Object.assign(map, { mini: new Mini(), offers: new Offers(map), tags: new Tags((c) => (map.wanted[c] ? `${info.categories[c].name} ${prices[c]}` : ''), trace) });
  map.wake();
  list = new SeatList(plan, { onTake: toggle, priceOf, priceOfCategory: (c) => prices[c], marksOf, wayTo, mine, pending: map.pending, wanted: map.wanted, pitch: map.pitch });
  if (viewKept() === 'list') list.showCards();
  byId('best-form').querySelector('.main').disabled = false;
  proposals = new Proposals({ plan, map, info, nameOf: nameOfAll, choose: takeProposal, holding: () => mine.size > 0 });
  showFull();
  await basket.restore().catch(explain);
  restoreCode();
  if (mine.size > 0) map.showSeats([...mine]);
  follow();
  byId('hall').dataset.ready = lang;
}

// A hall that cannot be reached is asked for until it is there.
async function openAtLast() {
  try {
    await open();
  } catch (error) {
    if (error instanceof Refused && error.status === 401) refuse(error, openAtLast);
    else {
      byId('wait').hidden = false;
      byId('wait').textContent = !(error instanceof Refused) ? say('error.other') : error.status === 0 ? say('lost') : sayError(error);
    }
    if (!(error instanceof Refused)) throw error;
    if (error.status === 0 || error.status >= 500) setTimeout(openAtLast, POLL_MS * (0.75 + Math.random() / 2));
  }
}

openAtLast();
