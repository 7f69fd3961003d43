// prices.js: seat prices, as all who wait see them, and which categories are sold out: a tick shows them that within a
// second. Amounts are typed as people write them and stored in minor units; the currency says how many digits those
// have.

import { byId, digitsOf, make, money, say } from './kit.js';
import { blame, button, fieldOf, saving } from './ui.js';

const CATEGORIES_MAX = 16;
const NAME_BYTES_MAX = 80;
const PRICE_MAX = 1_000_000_000; // minor units
export const CURRENCY = /^[A-Z]{3}$/;

const sizeOf = (text) => new TextEncoder().encode(text).length;
export const minorOf = (typed, currency) => Math.round(Number(typed) * 10 ** digitsOf(currency));
export const typedOf = (minor, currency) => (minor / 10 ** digitsOf(currency)).toFixed(digitsOf(currency));

// `among` are the names of all categories.
export function faultOfName(name, n, among) {
  if (name === '' || sizeOf(name) > NAME_BYTES_MAX || /["\\\p{Cc}]/u.test(name)) return say('prices.wrong-name');
  return among.indexOf(name) === n ? '' : say('prices.wrong-twice');
}

// A typed amount, in a currency that may be unknown yet.
export function faultOfAmount(typed, currency) {
  if (!/^\d+(\.\d+)?$/.test(typed)) return say('prices.wrong-amount');
  if (!CURRENCY.test(currency)) return '';
  const digits = typed.split('.')[1]?.length ?? 0;
  if (digits > digitsOf(currency)) return say('prices.wrong-digits', digitsOf(currency));
  return minorOf(typed, currency) <= PRICE_MAX ? '' : say('prices.wrong-amount');
}

export async function open(body, event) {
  const currency = make('input', { id: 'prices-currency', maxLength: 3, size: 5, autocomplete: 'off', autocapitalize: 'characters', spellcheck: false });
  const list = make('ol', { id: 'prices' });
  const note = make('p', { id: 'prices-told', className: 'told', role: 'status' });
  const applied = make('p', { id: 'applied', role: 'status' });
  let rows = []; // {name, amount: as typed, gone}
  let touched = false;

  const coin = () => currency.value.trim().toUpperCase();
  const minor = ({ amount }) => minorOf(amount, coin());
  const wanted = () => (rows.length === 0 ? null : { currency: coin(), categories: Object.fromEntries(rows.map((row) => [row.name.trim(), { price: minor(row), gone: row.gone }])) });
  const asText = (prices) => (prices === null ? '' : JSON.stringify([prices.currency, Object.entries(prices.categories).map(([name, { price, gone = false }]) => [name, price, gone])]));

  // ---- fields ----

  function field(n, name, properties) {
    const input = make('input', { id: `price-${name}-${n}`, autocomplete: 'off', value: rows[n][name], ...properties });
    input.addEventListener('input', () => {
      rows[n][name] = input.value;
      judge();
    });
    return fieldOf(input, say(`prices.${name}`));
  }

  function gone(n) {
    const input = make('input', { type: 'checkbox', id: `price-gone-${n}`, checked: rows[n].gone });
    input.addEventListener('change', () => {
      rows[n].gone = input.checked;
      judge();
    });
    return make('div', { className: 'field tick' }, make('label', { htmlFor: input.id }, say('prices.gone')), input);
  }

  function fill() {
    list.replaceChildren(...rows.map((row, n) => {
      const away = button(say('schedule.remove'), () => {
        rows.splice(n, 1);
        touched = true;
        fill();
        (byId(`price-name-${Math.min(n, rows.length - 1)}`) ?? byId('price-add')).focus();
      }, { className: 'quiet', 'aria-label': say('prices.remove-one', row.name || n + 1) });
      return make('li', { className: 'card row end' }, field(n, 'name', { maxLength: 80 }), field(n, 'amount', { inputMode: 'decimal' }), gone(n), away);
    }));
    byId('prices-none').hidden = rows.length > 0;
    byId('price-add').hidden = rows.length >= CATEGORIES_MAX;
    judge();
  }

  // ---- judging ----

  function judge() {
    const names = rows.map(({ name }) => name.trim());
    let good = blame(currency, rows.length === 0 || CURRENCY.test(coin()) ? '' : say('prices.wrong-currency'));
    rows.forEach((row, n) => {
      const named = blame(byId(`price-name-${n}`), faultOfName(row.name.trim(), n, names));
      good = blame(byId(`price-amount-${n}`), faultOfAmount(row.amount.trim(), coin())) && named && good;
    });
    note.hidden = !good || rows.length === 0;
    const left = good ? rows.filter((row) => !row.gone).map(minor) : [];
    const [from, to] = [Math.min(...left), Math.max(...left)];
    note.textContent = note.hidden ? '' : left.length === 0 ? say('prices.told-none') : from === to ? say('prices.told-one', money(from, coin())) : say('prices.told', money(from, coin()), money(to, coin()));
    return good;
  }

  // ---- applying ----

  // A merge patch only adds to an object, so removed entries must be named. Entries that stay keep their order; new
  // names go to the end, as in the service.
  function patchTo(prices) {
    if (prices === null || event.doc.prices === null) return prices;
    const before = Object.keys(event.doc.prices.categories).map((name) => [name, null]);
    return { ...prices, categories: { ...Object.fromEntries(before), ...prices.categories } };
  }

  async function apply() {
    applied.replaceChildren();
    if (!judge()) {
      body.querySelector('[aria-invalid]').focus();
      return;
    }
    const prices = wanted();
    if (asText(prices) === asText(event.doc.prices)) {
      applied.textContent = say('knobs.unchanged');
      return;
    }
    const etag = await event.save({ prices: patchTo(prices) });
    take();
    event.applied(applied, etag, say('prices.applied'), { id: 'undo-prices' }, take);
  }

  function take() {
    const { prices } = event.doc;
    currency.value = prices?.currency ?? currency.value;
    rows = Object.entries(prices?.categories ?? {}).map(([name, { price, gone: isGone = false }]) => ({ name, amount: typedOf(price, prices.currency), gone: isGone }));
    touched = false;
    fill();
  }

  // ---- the page ----

  const form = make('form', { id: 'prices-form', noValidate: true, className: 'stack' },
    make('h2', {}, say('view.prices')), make('p', { className: 'small' }, say('prices.help')),
    make('p', { id: 'prices-none' }, say('prices.none')),
    fieldOf(currency, say('prices.currency')), list, note,
    make('div', { className: 'row' }, make('button', { className: 'main', id: 'prices-apply' }, say('knobs.apply')), button(say('setup.add-categories'), () => {
      rows.push({ name: '', amount: '', gone: false });
      touched = true;
      fill();
      byId(`price-name-${rows.length - 1}`).focus();
    }, { id: 'price-add' })), applied);
  form.addEventListener('submit', saving(apply));
  form.addEventListener('input', () => { touched = true; });
  currency.addEventListener('input', judge);
  body.replaceChildren(form);
  take();

  const close = event.onVersion(() => {
    if (touched) applied.textContent = say('knobs.elsewhere');
    else take();
  });
  return { close };
}
