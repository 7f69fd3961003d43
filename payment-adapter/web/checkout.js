// checkout.js: shows what the visitor buys, the amount and the time left, then leads to the payment provider. The
// server gets seats and amounts from the seat service, and trusts nothing that this page says about them.

import { announce, byId, call, kept, make, minutes, money, onWake, Refused, say, sayError, serverNow } from './kit.js';
import { lineOf, timeOf } from './when.js';

const asked = new URLSearchParams(location.search);
const event = asked.get('event');
const hold = asked.get('hold');
// The page under /pay that sent the visitor here to log in.
const back = /^\/pay\/(orders|(orders|tickets)\/[\w-]+)$/.test(asked.get('back') ?? '') ? asked.get('back') : null;

let seats = null;
let amount = 0; // what the buyer pays: the seats plus fees
let terms = null; // refund terms, as shown
let buyer = null; // member shown as logged in
let over = false; // these seats can no longer be paid for here

// The order ends the visit, and then this page can no longer read the hold. A visitor who comes back here (back button,
// reload, old tab) is sent to the order made from it.
const made = kept(`fg-order-${event}`); // {hold, order}

function keptOrder() {
  const { hold: from, order } = made.get() ?? {};
  return from === hold ? order : null;
}

// The login name, stored while this tab lives, because the server knows members only by number. Another tab may have
// logged in as another member since, so the number is stored with it.
const account = kept('fg-account', 'sessionStorage');

function accountOf(number) {
  const known = account.get();
  return known?.number === number ? say('login.as', known.login) : say('login.member', number);
}

function notice(text) {
  byId('notice').textContent = text;
}

function show(...sections) {
  byId('wait').hidden = true;
  for (const id of ['summary', 'login', 'pay']) byId(id).hidden = !sections.includes(id);
  byId('deadline').hidden = !seats || over;
}

function showSummary() {
  const name = seats.event_name || seats.event;
  document.title = `${say('checkout.title')} – ${name}`;
  byId('event-name').textContent = name;
  byId('event-show').textContent = lineOf(seats);
  byId('seats').replaceChildren(...(seats.places.length > 0
    ? seats.places.map((place) => make('li', {}, make('span', { textContent: say(place.label ? 'seat.labelled' : 'seat.name', place.zone, place.row, place.label ?? place.number) }), make('span', { className: 'soft', textContent: place.category }), make('span', { className: 'price', textContent: money(place.price, seats.currency) })))
    : [make('li', {}, make('span', { textContent: `${seats.area_name || seats.area} × ${seats.quantity}` }), make('span', { className: 'soft', textContent: seats.category }))]));
  showPeople(seats.places.length || seats.quantity);
  showPart('fees', seats.fees);
  showPart('vat', seats.vat);
  byId('total').textContent = money(amount, seats.currency);
  byId('pay-button').textContent = amount > 0 ? say('pay.button', money(amount, seats.currency)) : say('pay.free');
  byId('pay-text').hidden = amount === 0;
}

// One dot per held place, at most 8.
function showPeople(n) {
  const shown = Math.min(n, 8);
  byId('people').setAttribute('width', 16 * shown);
  byId('people').firstElementChild.setAttribute('d', `M7 7h${16 * (shown - 1)}.1`);
}

// A part of the sum, hidden if it is zero.
function showPart(id, minor = 0) {
  byId(id).hidden = minor === 0;
  byId(id).lastElementChild.textContent = money(minor, seats.currency);
}

// The terms shown here bind: an order is only made if they still apply.
async function showTerms(cache) {
  terms = await call('GET', `/v1/pay/events/${encodeURIComponent(event)}/refund-terms`, undefined, cache);
  const before = terms.before_start_s !== null && seats.starts_at ? Date.parse(seats.starts_at) - terms.before_start_s * 1000 : Infinity;
  const until = Math.min(terms.until === null ? Infinity : Date.parse(terms.until), before);
  const back = money(Math.max(1, Math.floor((amount * terms.percent) / 100)), seats.currency);
  const [always, bounded] = amount === 0 ? ['terms.free-always', 'terms.free-until'] : ['terms.always', 'terms.until'];
  const which = terms.by === 'operator' ? 'terms.ask' : until === Infinity ? always : until > serverNow() ? bounded : 'terms.over';
  const words = [say(which, until === Infinity ? '' : timeOf(until, seats.time_zone), back)];
  if (terms.by === 'buyer' && !terms.handed_on && which !== 'terms.over') words.push(say('terms.handed-on'));
  byId('terms').textContent = words.join(' ');
}

// The seller's pages, if configured. The terms that the buyer agrees to open in a new tab, because the time to pay
// keeps running here.
function showLinks() {
  const links = Object.entries(JSON.parse(byId('links').textContent)).filter(([, href]) => href !== '');
  for (const [name, href] of links) {
    const link = byId(`link-${name}`);
    link.href = href;
    link.parentElement.hidden = false;
    if (link.closest('#agree')) byId('agree').hidden = false;
  }
}

// Errors that end this checkout.
const isOver = ({ code }) => /^(bad-pass|currency-not-taken|event-cancelled|event-renewed|hold-|no-such-hold|order-too-large|pass-)/.test(code);

function end() {
  over = true;
  clearInterval(tick.timer);
  show(...(seats ? ['summary'] : []));
  byId('back').className = 'button main wide';
}

async function readHold() {
  const held = await call('GET', `/v1/seats/${encodeURIComponent(event)}/holds/${encodeURIComponent(hold)}`);
  if (['sold', 'expired'].includes(held.state)) throw new Refused(409, { code: `hold-${held.state}` });
  seats = held;
  amount = seats.total + (seats.fees ?? 0);
  showSummary();
}

function toOrder(order) {
  location.replace(`/pay/orders/${order}`);
}

// The hold may have run out, changed or been paid for, in another tab or while this device slept: the server decides.
async function readAgain() {
  wanted = running;
  if (running || over) return;
  running = true;
  try {
    await readHold();
    await showTerms();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (!isOver(error)) return;
    if (keptOrder()) return toOrder(keptOrder());
    end();
    notice(sayError(error));
  } finally {
    setTimeout(() => {
      running = false;
      if (wanted) readAgain();
    }, AGAIN_MS);
  }
}

const AGAIN_MS = 3000;
let running = false; // readAgain(), or the pause after it
let wanted = false; // once more, when that has ended
let warned = false;
function tick() {
  const left = Date.parse(seats.expires_at) - serverNow();
  byId('clock').textContent = minutes(left);
  byId('clock').classList.toggle('late', left < 60_000);
  if (left < 60_000 && !warned) {
    warned = true;
    announce(say('checkout.hurry'));
  }
  if (left <= 0) readAgain();
}

// The hold is of use only while the visit lasts, so this page gives its signs of life, as the hall did.
async function stay() {
  let left = 60_000;
  try {
    left = Date.parse((await call('POST', `/v1/queue/${encodeURIComponent(event)}/session`)).expires_at) - serverNow();
  } catch ({ status }) {
    if (status === 401 || status === 410) return readAgain(); // the visit has ended
  }
  if (!over) setTimeout(stay, Math.max(5_000, Math.min(60_000, left / 2)));
}

async function member() {
  try {
    return (await call('GET', '/v1/pay/me')).member;
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
}

async function next() {
  const who = await member();
  if (over) return; // the page already says what to do
  if (who && back) location.replace(back);
  else if (who) {
    buyer = who;
    byId('account').textContent = accountOf(who);
    show('summary', 'pay');
  }
  else {
    show(...(seats ? ['summary', 'login'] : ['login']));
    byId('login-name').focus({ preventScroll: true });
  }
}

// Disables the button while its work runs. Afterwards, keyboard users get their focus back.
async function busy(button, work) {
  const at = document.activeElement;
  notice('');
  button.disabled = true;
  try {
    await work().catch(async (error) => {
      if (error.code === 'login-required') await next();
      if (error.code === 'refund-terms-changed') await showTerms('reload');
      throw error;
    });
  } catch (error) { // that of `work`, or why the page could not be brought up to date after it
    if (!(error instanceof Refused)) throw error;
    if (isOver(error)) end();
    notice(sayError(error));
  } finally {
    button.disabled = false;
    if (document.activeElement === document.body) (over ? byId('back') : at).focus({ preventScroll: true });
  }
}

function listen() {
  byId('login-form').addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    const form = submitted.target;
    busy(form.querySelector('button'), async () => {
      const { member: number } = await call('POST', '/v1/pay/login', { login: form.login.value.trim(), password: form.password.value });
      form.password.value = '';
      account.set({ login: form.login.value.trim(), number });
      await next();
      byId('pay-button').focus();
    });
  });
  byId('logout').addEventListener('click', () => busy(byId('logout'), async () => {
    await call('POST', '/v1/pay/logout');
    await next();
  }));
  byId('pay-button').addEventListener('click', () => busy(byId('pay-button'), async () => {
    announce(say('pay.working'));
    // The same hold gives the same order, however often the button is pressed.
    const known = { event, hold, refund_terms: terms.id };
    const order = await call('POST', '/v1/pay/orders', { ...known, hold_version: seats.version, amount, member: buyer }).catch(async (error) => {
      if (error.code === 'bad-request') return call('POST', '/v1/pay/orders', known); // a process of the version before
      if (error.code === 'checkout-changed') {
        await readHold();
        await showTerms();
        await next();
      }
      throw error;
    });
    made.set({ hold, order: order.order });
    const url = order.status === 'pending_payment' && order.payment?.checkout_url;
    location.assign(url || `/pay/orders/${order.order}`);
  }));
}

async function open() {
  for (const link of document.querySelectorAll('a[hreflang]')) {
    const query = new URLSearchParams(asked);
    query.set('lang', link.hreflang);
    link.href = `?${query}`;
  }
  byId('back').href = event ? `/seats/${encodeURIComponent(event)}` : '/';
  if (back) {
    document.title = say('login.title');
    byId('title').textContent = say('login.title');
    byId('title').className = '';
    byId('login-heading').hidden = true;
    document.querySelector('.top ol').hidden = true;
    byId('back').hidden = true;
  }
  listen();
  showLinks();
  if (!back) {
    if (!event || !hold) throw new Refused(404, { code: 'hold-unknown' });
    await readHold();
    tick.timer = setInterval(tick, 500);
    tick();
    stay();
    onWake(readAgain);
    await showTerms();
  }
  await next();
  document.body.dataset.ready = 'yes';
}

// If the connection was lost before the page was ready, start over.
addEventListener('online', () => { if (!document.body.dataset.ready) location.reload(); });

open().catch((error) => {
  const order = error instanceof Refused && error.status !== 0 && keptOrder();
  if (order) return toOrder(order);
  byId('wait').hidden = true;
  if (isOver(error)) end();
  byId('again').hidden = over;
  notice(error instanceof Refused ? sayError(error) : say('error.other'));
  if (!(error instanceof Refused)) throw error;
});
