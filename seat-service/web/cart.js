// cart.js: shows the visitor's holds: seats, sum, time left and the link to the checkout.

import { announce, byId, event, info, make, minutes, money, nameOfArea, plan, say, serverNow } from './hall.js';
import { WARN_AT_S } from './visit.js';
import { marksOf, nameOfAll } from './words.js';

const payOf = ({ hold }) => `/pay/checkout?event=${encodeURIComponent(event)}&hold=${encodeURIComponent(hold)}`;
const areaOf = ({ area, quantity }) => `${nameOfArea(info.areas.find(({ id }) => id === area))} × ${quantity}`;

// On a phone the cart is one row that opens as a sheet; on a wide screen it is always open.
const wide = matchMedia('(min-width: 60rem)');

export function openCart(open) {
  byId('cart').classList.toggle('open', open);
  byId('cart-open').setAttribute('aria-expanded', String(open || wide.matches));
  byId('cart-open').disabled = wide.matches;
}

export function listenToCart() {
  byId('cart-open').addEventListener('click', () => openCart(!byId('cart').classList.contains('open')));
  byId('cart').addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape' || !byId('cart').classList.contains('open')) return;
    openCart(false);
    byId('cart-open').focus();
  });
  wide.addEventListener('change', () => openCart(false));
  openCart(false);
}

// The amount that the buyer pays: prices plus fees.
function dueOf({ total, fees = 0, currency }) {
  const due = money(total + fees, currency);
  return fees > 0 ? say('cart.with-fees', due, money(fees, currency)) : due;
}

// A row for another hold of this visit. It is paid or released as a whole.
function otherLine(hold, giveBack) {
  const closed = hold.state !== 'open';
  const name = hold.area ? areaOf(hold) : nameOfAll(hold.seats.map((id) => plan.placeOf(id)));
  const line = make('li', {}, make('span', { textContent: `${name} – ${dueOf(hold)}` }), make('a', { className: 'button', href: payOf(hold), textContent: say(closed ? 'cart.go-on' : 'cart.pay') }));
  if (closed) return line;
  const button = make('button', { type: 'button', textContent: '✕', 'aria-label': say('cart.remove', name) });
  button.addEventListener('click', () => giveBack(hold));
  line.append(button);
  return line;
}

// `release(place)` gives back one seat of the current hold, `giveBack(hold)` another hold.
export function showCart({ hold, holds, seats, closed }, release, giveBack) {
  const quantity = hold?.quantity ?? 0;
  const sum = hold && quantity > 0 ? say('cart.sum', quantity, dueOf(hold)) : say('cart.empty');
  if (byId('cart-sum').textContent !== sum) announce(sum);
  byId('cart-sum').textContent = sum;
  byId('cart-back').hidden = !hold || closed;
  byId('cart-others').hidden = seats.length === 0 || closed;
  byId('cart-pay').hidden = !hold;
  byId('cart-pay').href = hold ? payOf(hold) : '/';
  byId('cart-pay').textContent = say(closed ? 'cart.go-on' : 'cart.pay');
  byId('cart-seats').replaceChildren(...(hold?.places ?? []).map((place) => cartLine(place, closed ? null : release)));
  if (hold?.area) byId('cart-seats').append(make('li', { textContent: areaOf(hold) }));
  byId('cart-more').replaceChildren(...holds.slice(1).map((other) => otherLine(other, giveBack)));
}

function cartLine(place, release) {
  const name = say(place.label ? 'seat.labelled' : 'seat.name', place.zone, place.row, place.label ?? place.number);
  const facts = [name, money(place.price, info.currency), ...marksOf(plan.placeOf(place.id))];
  const line = make('li', {}, make('span', { textContent: facts.join(' · ') }));
  if (!release) return line;
  const button = make('button', { type: 'button', textContent: '✕', 'aria-label': say('cart.remove', name) });
  button.addEventListener('click', () => release(place));
  line.append(button);
  return line;
}

let warnedAt = Infinity;
export function showClock(basket) {
  const left = basket.expiresAt - serverNow();
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
