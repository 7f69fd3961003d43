// prices.js: shows the prices of seats, and the sold-out categories, to all who wait. wait.js loads it for events that
// show their prices.

import { announce, byId, make, say } from './kit.js';
import { money } from './money.js';

const nameOf = (row) => row.firstElementChild.textContent;

function rowOf({ name, price, gone }, currency) {
  const row = make('li', {}, make('span', { textContent: name }), ` ${gone ? say('more.price-gone') : money(price, currency)}`);
  row.dataset.price = price;
  if (gone) row.dataset.gone = '';
  return row;
}

// Returns a text about the categories sold out since the last call; '' if none.
export function showPrices({ currency, categories }) {
  const list = byId('prices').querySelector('ul');
  const shown = [...list.children];
  const before = (one) => shown.find((row) => nameOf(row) === one.name);
  const same = (row, { price, gone }) => row && Number(row.dataset.price) === price && ('gone' in row.dataset) === gone;
  const gone = categories.filter((one) => one.gone && before(one) && !('gone' in before(one).dataset));
  list.replaceChildren(...categories.map((one) => (same(before(one), one) ? before(one) : rowOf(one, currency))));
  const words = gone.length > 0 ? say('more.prices-gone', gone.map(({ name }) => name).join(', ')) : '';
  if (words) announce(words);
  return words;
}
