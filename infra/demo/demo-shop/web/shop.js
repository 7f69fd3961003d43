// shop.js: the shop's two pages: its products, and the customer's orders, its own and those from partners.

import { announce, byId, lang, make, money, Refused, say, sayError } from './kit.js';

const named = (thing) => thing[lang] ?? thing.ko;

// Never retries: a basket that is sent twice is bought twice.
async function call(method, path, body) {
  const answer = await fetch(path, { method, body: JSON.stringify(body) }).catch(() => { throw new Refused(0, {}); });
  const json = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Refused(answer.status, json);
  return json;
}

async function doing(act) {
  announce('');
  try {
    await act();
  } catch (error) {
    announce(sayError(error));
    if (error.code === 'login-required' && byId('login')) byId('login').hidden = false;
  }
}

async function buy(sku) {
  const { order } = await call('POST', '/api/checkout', { lines: [{ sku, quantity: 1 }] });
  announce(say('bought', order));
}

async function showGoods() {
  const { products } = await call('GET', '/api/products');
  byId('goods').replaceChildren(...products.map((product) => {
    const button = make('button', { onclick: () => doing(() => buy(product.sku)), 'aria-label': `${say('buy')}: ${named(product.names)}` }, say('buy'));
    return make('li', {}, make('span', {}, named(product.names)), make('b', {}, money(product.price, product.currency)), button);
  }));
}

const orderRow = ({ order, what, seats, status, amount, currency }) => make('li', {},
  make('span', {}, make('b', {}, named(what)), seats === null ? '' : ` · ${seats.join(', ')}`),
  `${say('number', order)} · ${say(`status.${status}`)}`, make('b', {}, money(amount, currency)));

async function showOrders() {
  const { orders } = await call('GET', '/api/my/orders');
  byId('login').hidden = true;
  byId('logout').hidden = false;
  byId('orders').replaceChildren(...orders.map(orderRow));
  if (orders.length === 0) announce(say('none'));
}

byId('login')?.addEventListener('submit', (event) => {
  event.preventDefault();
  const { login, password } = event.target.elements;
  doing(() => call('POST', '/api/login', { login: login.value, password: password.value }).then(showOrders));
});
byId('logout')?.addEventListener('click', () => doing(() => call('POST', '/api/logout').then(() => location.reload())));
doing(byId('goods') ? showGoods : showOrders);
