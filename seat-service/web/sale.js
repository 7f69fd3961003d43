// sale.js: choosing, taking and giving back seats. Map, list and cart show the same seats, and only those that the
// server has confirmed are shown as held.

import { byId, call, event, FREE, HELD, info, isOnSale, lineOfArea, make, map, mine, needs, onWake, opensAt, path, plan, prices, refusalOf, Refused, salesAhead, say, sayError, serverNow, show, showCounts, showPrices, soon, termsOfArea, timeOf, trace, viewKept } from './hall.js';
import { Basket } from './basket.js';
import { Card } from './card.js';
import { listenToCart, openCart, showCart, showClock } from './cart.js';
import { openFeed } from './feed.js';
import { Keys } from './keys.js';
import { SeatList } from './list.js';
import { Marks } from './marks.js';
import { askNeeds, setAccess } from './needs.js';
import { Offers } from './offers.js';
import { Proposals } from './proposals.js';
import { Rows } from './rows.js';
import { showSight } from './sight.js';
import { Tags } from './tags.js';
import { heartbeat, refuse, showVisit } from './visit.js';
import { allIn, describe, listed, marksOf, nameOf, nameOfAll, priceOf, stateOf, tellFees, termsOf, wayTo } from './words.js';

const basket = new Basket(event, { onChange: onBasket, needs });
let list;
let proposals;

let pointed = -1; // the seat described below the map; -1: a hint instead
export function describeSeat(i) {
  pointed = i;
  const text = pointed < 0 ? say('map.hint') : describe(pointed);
  if (byId('seat').textContent !== text) byId('seat').textContent = text;
}

// Moves the focus out of a box that is about to be hidden. Otherwise it would restart at the top of the page.
function handOn(box) {
  if (box.contains(document.activeElement)) byId(byId('map-view').hidden ? 'show-list' : 'map-top').focus({ preventScroll: true });
}

// The hold is full, or the visit has as many places as a buyer may have.
function limitReached() {
  const { max_per_buyer: ofBuyer, max_per_hold: ofHold } = info.limits;
  const held = basket.holds.reduce((sum, { quantity }) => sum + quantity, 0);
  return basket.hold?.quantity >= ofHold ? 'too-many' : ofBuyer > 0 && held >= ofBuyer ? 'buyer-limit' : '';
}

// What the server would answer to a press on a free seat; its code is '' if it would be held.
const refusal = (i) => new Refused(409, { code: refusalOf(i) || limitReached(), limit: info.limits.max_per_hold, opens_at: opensAt(i) });

function offerOf(i) {
  const offers = { '': 'card.take', 'accessible-seat': 'needs.take-access', ...(info.codes && { channel: 'needs.code' }) };
  const offer = mine.has(i) ? 'card.release' : plan.state[i] === FREE && offers[refusal(i).code];
  return offer ? say(offer) : '';
}

// Opens the card of a pressed seat; -1 closes it. A press by key moves the focus to the card.
export function ask(i, byKey = false) {
  map.asked = i;
  map.wake();
  if (i < 0) {
    handOn(byId('card'));
    map.card.hide();
    return;
  }
  const state = mine.has(i) || !plan.mayTake(i) ? stateOf(i) : limitReached() && sayError(refusal(i));
  const facts = [termsOf(i).name, state, ...marksOf(i), wayTo(i)].filter(Boolean).join(' · ');
  map.card.show({ name: nameOf(i), price: allIn(i), facts, take: offerOf(i), view: plan.zones[plan.zoneOf[i]].view !== '' }, byKey);
}

// Clears cursor, card and description.
function lookAway() {
  map.cursor = -1;
  ask(-1);
  describeSeat(-1);
}

// ---- trouble, and what to do about it ----

function trouble(text, offers = [], take = (seats) => basket.add(seats)) {
  byId('trouble-text').textContent = text;
  proposals?.close();
  const choices = offers.map((offer) => offer.seats.map((id) => plan.placeOf(id)));
  map.offers?.show(choices);
  byId('offers').replaceChildren(...offers.map((offer, n) => {
    const places = choices[n];
    const label = `${n + 1} · ${say('trouble.offer', nameOfAll(places), listed(offer.total))}`;
    const button = make('button', { type: 'button', textContent: label });
    button.addEventListener('click', () => attempt(places, () => take(offer.seats), take));
    return button;
  }));
  const [bar, had] = [byId('trouble').parentElement, document.activeElement];
  byId('trouble').hidden = false;
  byId('trouble').scrollTop = 0;
  if (had !== document.body && bar.contains(had)) byId('trouble-close').focus({ preventScroll: true }); // the notice hides the rest of the bar
}

function calm() {
  if (byId('trouble').hidden) return;
  handOn(byId('trouble'));
  byId('trouble').hidden = true;
  map.offers?.show([]);
}

// Asks visitors who missed the option when they press a free seat that is reserved.
function offerAccess(places, work, take) {
  trouble(sayError(new Refused(403, { code: 'accessible-seat' })));
  const button = make('button', { type: 'button', textContent: say('needs.take-access') });
  button.addEventListener('click', () => {
    setAccess(true);
    attempt(places, work, take);
  });
  byId('offers').replaceChildren(button);
}

function enterCode() {
  calm(); // the notice hides the bar with the field
  ask(-1);
  byId('needs').open = true;
  byId('code').focus();
}

// Leads visitors who have a code to its field.
function offerCode(error) {
  trouble(sayError(error));
  const button = make('button', { type: 'button', textContent: say('needs.code') });
  button.addEventListener('click', enterCode);
  byId('offers').replaceChildren(button);
}

// `take`: how an alternative is taken instead.
function explain(error, places = [], work = null, take) {
  if (!(error instanceof Refused)) throw error;
  if (error.status === 401) refuse(error, () => trouble(say('error.other')));
  else if (error.code === 'accessible-seat' && work !== null && !byId('access').checked) offerAccess(places, work, take);
  else if (error.code === 'channel' && info.codes) offerCode(error);
  else if (error.code === 'seats-taken') {
    const lost = (error.problem.seats ?? []).map((id) => plan.placeOf(id));
    for (const i of lost) if (plan.state[i] === FREE) plan.state[i] = HELD; // until the stream sends the state
    const offers = error.problem.alternatives ?? [];
    trouble(say(offers.length > 0 ? 'trouble.taken' : 'trouble.taken-none', lost.map(nameOf).join(', ')), offers, take);
  } else if (error.code === 'not-on-sale' && error.problem.opens_at) trouble(say('sale.early', timeOf(error.problem.opens_at, info.time_zone)));
  else trouble(sayError(error));
}

// ---- taking and giving back ----

async function attempt(places, work, take) {
  calm();
  ask(-1);
  const renewCard = () => {
    map.refresh();
    list?.refresh();
    describeSeat(pointed);
  };
  for (const i of places) map.pending.add(i);
  renewCard();
  try {
    await work();
    map.marks.sit(places.filter((i) => mine.has(i)));
  } catch (error) {
    explain(error, places, work, take);
  } finally {
    for (const i of places) map.pending.delete(i);
    renewCard();
  }
}

function toggle(i) {
  if (map.pending.has(i)) return;
  if (basket.closed) { trouble(say('error.hold-paying')); return; }
  if (mine.has(i)) attempt([i], () => basket.remove(plan.idOf(i)));
  else if (plan.state[i] !== FREE) trouble(say('trouble.not-free', nameOf(i)));
  else if (refusal(i).code) explain(refusal(i), [i], () => basket.add([plan.idOf(i)]));
  else attempt([i], () => basket.add([plan.idOf(i)]));
}

// The card's button: what offerOf() says.
function takeAsked() {
  const i = map.asked;
  const code = plan.state[i] === FREE && refusalOf(i);
  if (code === 'accessible-seat') setAccess(true);
  if (code === 'channel') enterCode();
  else toggle(i);
}

export function takeArea(area, quantity) {
  if (basket.closed) trouble(say('error.hold-paying'));
  else if (basket.hold && basket.hold.area !== area) trouble(say('error.seats-and-area'));
  else if (quantity !== basket.hold?.quantity) attempt([], () => basket.area(area, quantity));
}

// The line of a held area shows how many places are held, and changes that number.
function showAreas() {
  for (const [a, line] of byId('areas').querySelectorAll('li').entries()) {
    const held = basket.hold?.area === info.areas[a].id ? basket.hold.quantity : '';
    const [button, select] = ['button', 'select'].map((part) => line.querySelector(part));
    if (held && button.value !== String(held)) select.value = held;
    button.value = held;
    button.disabled = !held && !isOnSale(termsOfArea(info.areas[a]));
    button.textContent = say(held ? 'areas.change' : 'areas.take');
  }
}

// ---- proposals, and choices like what is held ----

// Shows the best seats of each category to compare. Nothing is held until one is chosen.
async function propose(event_) {
  event_.preventDefault();
  calm();
  ask(-1);
  const category = byId('best-category').value;
  const wish = { quantity: Number(byId('best-quantity').value), adjacent: byId('best-adjacent').checked, ...(category && { category }) };
  try {
    const found = await call('POST', `${path}/proposals`, { best_available: wish, ...needs });
    byId('best').open = false;
    show('map');
    proposals.show(found.proposals, byId('best-wish').value === 'near');
  } catch (error) {
    explain(error);
  }
}

function takeProposal(seats, places) {
  proposals.close();
  attempt(places, () => exchange(seats), exchange);
}

function showMine() {
  const [first] = mine;
  map.cursor = first;
  map.showSeats([...mine]);
  list?.show(first);
  describeSeat(first);
}

async function exchange(seats) {
  await (mine.size > 0 ? basket.exchange(seats) : basket.add(seats));
  showMine();
}

async function offerOthers() {
  openCart(false);
  try {
    const offers = await basket.alternatives();
    trouble(say(offers.length > 0 ? 'others.choose' : 'others.none'), offers, exchange);
  } catch (error) {
    explain(error);
  }
}

// ---- what has changed ----

function onBasket() {
  mine.clear();
  for (const id of basket.holds.flatMap(({ seats }) => seats)) mine.add(plan.placeOf(id));
  map.refresh();
  list?.refresh();
  if (list) showFull();
  proposals?.refresh();
  showAreas();
  showCart(basket, ({ id }) => attempt([plan.placeOf(id)], () => basket.remove(id)), (hold) => attempt([], () => basket.giveBack(hold)));
  showClock(basket);
}

// Reads the holds again, and tells the end of one that is gone after its time: the clock may notice that, or the page
// when it is shown again. Such a hold may have another end, or be paid for, since another tab went to pay: the server
// decides. If it can't be asked, nothing is said, and the next time asks again.
let untold;
const restore = () => basket.queue(async () => {
  const before = basket.holds;
  await basket.restore();
  untold ??= before.find((one) => Date.parse(one.expires_at) <= serverNow() && !basket.holds.some(({ hold }) => hold === one.hold));
  if (!untold) return;
  const { state } = await call('GET', `${basket.path}/${untold.hold}`).catch((error) => { if (error.status !== 404 && error.status !== 410) throw error; return {}; });
  untold = undefined;
  if (state === 'sold') return location.assign('/pay/orders');
  lookAway();
  trouble(say('cart.ran-out'));
});

// Says that the hall is full, to spare visitors a search in vain. Seats that are only held may come back; sold ones
// rarely do.
function showFull() {
  const any = (state) => plan.state.includes(state);
  const full = mine.size === 0 && plan.freeOf.every((free) => free === 0) && info.areas.every((area) => area.free === 0 || !isOnSale(termsOfArea(area)));
  const next = Math.min(...info.categories.map(({ opens }) => opens).filter((opens) => opens > serverNow()));
  const taken = any(FREE) ? '' : say(any(HELD) ? 'full.held' : 'full.sold');
  byId('full').textContent = !full ? '' : next < Infinity ? say('sale.early', timeOf(next, info.time_zone)) : taken;
}

function changed() {
  map.refresh();
  list?.refresh();
  showFull();
  describeSeat(pointed);
  showCounts();
  showAreas();
  proposals?.refresh();
  if (map.asked >= 0) ask(map.asked);
}

function takeAreas(areas) {
  for (const { id, free } of areas ?? []) {
    const area = info.areas.find((other) => other.id === id);
    if (area === undefined || area.free === free) continue;
    area.free = free;
    const line = byId('areas').querySelectorAll('li')[info.areas.indexOf(area)];
    line.querySelector('.area').textContent = lineOfArea(area);
    line.querySelector('meter').value = free;
  }
}

// Applies changed prices, and closes proposals, whose sums are outdated.
function takePrices(now) {
  if (!now || now.every((price, c) => price === plan.prices[c])) return;
  now.forEach((price, c) => { info.categories[c].price = price; });
  showPrices();
  proposals?.close();
  changed();
}

// ---- the controls ----

export function onShow(which) {
  if (which !== 'list') return;
  if (map.cursor >= 0) list.show(map.cursor);
  else if (map.here >= 0) list.openZone(map.here, 0);
  list.showCards();
}

export function onFilter() {
  if (!byId('list-view').hidden) list.showCards();
  changed();
}

let running = false; // a hold's time is over: restore(), or the pause after it

function listen() {
  const best = byId('best-form');
  best.addEventListener('submit', propose);
  best.querySelector('.main').disabled = false;
  byId('trouble-close').addEventListener('click', calm);
  byId('card-take').addEventListener('click', takeAsked);
  byId('card-view').addEventListener('click', () => showSight(plan.zones[plan.zoneOf[map.asked]]));
  byId('card-close').addEventListener('click', () => ask(-1));
  byId('card').addEventListener('keydown', ({ key }) => { if (key === 'Escape') ask(-1); });
  listenToCart();
  byId('cart-others').addEventListener('click', offerOthers);
  byId('cart-back').addEventListener('click', () => {
    lookAway();
    openCart(false);
    attempt([...mine], () => Promise.all(basket.holds.filter(({ state }) => state === 'open').map((hold) => basket.giveBack(hold))));
  });
  // Holds may have changed in another tab, or since this page was last shown.
  addEventListener('storage', ({ key }) => { if (key === basket.note.name) restore().catch(explain); });
  onWake(() => {
    if (!byId('gone').hidden) return;
    heartbeat();
    restore().catch(() => {}); // the heartbeat reports a visit that is over
  });
  let ahead = salesAhead();
  setInterval(() => {
    if (ahead !== salesAhead()) changed();
    ahead = salesAhead();
    showClock(basket);
    showVisit();
    if (running || basket.expiresAt > serverNow()) return;
    running = true;
    restore().catch((error) => { if (!(error.status === 0 || error.status >= 500)) explain(error); }).finally(() => soon(() => { running = false; }));
  }, 500);
  byId('sight-close').addEventListener('click', () => byId('sight').close());
  byId('visit-stay').addEventListener('click', heartbeat);
  heartbeat();
}

// The hall is loaded: from here on visitors can buy.
export async function openSale() {
  listen();
  tellFees();
  Object.assign(map, { card: new Card(map), keys: new Keys(map), marks: new Marks(map), offers: new Offers(map), rows: new Rows(map), tags: new Tags(map, (c) => (map.wanted[c] ? `${info.categories[c].name} ${prices[c]}` : ''), trace) });
  map.wake();
  list = new SeatList(plan, { onTake: toggle, priceOf, priceOfCategory: (c) => prices[c], marksOf, offerOf, stateOf, wayTo, mine, pending: map.pending, wanted: map.wanted, pitch: map.pitch });
  if (viewKept() === 'list') list.showCards();
  proposals = new Proposals({ plan, map, info, nameOf: nameOfAll, listed, choose: takeProposal, holding: () => mine.size > 0 });
  showFull();
  await restore().catch(explain);
  askNeeds(changed);
  if (mine.size > 0) map.showSeats([...mine]);
  openFeed({ onChange: changed, onAreas: takeAreas, onPrices: takePrices, onFound: () => restore().catch(() => {}) }); // if this fails, the next change shows the holds
}
