// order.js: the page of an order or of its tickets is whole without this. With it, the order's page
// changes as soon as the order does, and there are buttons to cancel, to refund, to print and to come
// with another account.

import { byId, call, lang, minutes, money, Refused, say, sayError, serverNow } from './kit.js';

const main = document.querySelector('main');
const { order, status } = main.dataset;

for (const data of document.querySelectorAll('data[data-currency]')) data.textContent = money(Number(data.value), data.dataset.currency);
const starts = new Intl.DateTimeFormat(lang, { dateStyle: 'full', timeStyle: 'short' });
for (const time of document.querySelectorAll('time')) time.textContent = starts.format(new Date(time.dateTime));
for (const needed of document.querySelectorAll('.with-script')) needed.hidden = false;
byId('print')?.addEventListener('click', () => print());

function follow() {
  const stream = new EventSource(`/v1/pay/orders/${order}/stream`);
  stream.addEventListener('order', (message) => {
    const now = JSON.parse(message.data);
    if (now.status !== status || (now.payment?.checkout_url && !byId('pay-link') && status === 'pending_payment')) location.reload();
  });
  stream.addEventListener('error', () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => { if (navigator.onLine) location.reload(); }, 5000);
  });
  // The order goes on without this page; with the connection it is shown as it is.
  addEventListener('offline', () => { byId('notice').textContent = say('order.lost'); });
  addEventListener('online', () => location.reload());
}

// A button that does one thing, and then leads to how it is now.
function act(button, path, then) {
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      await call('POST', path);
      then();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      byId('notice').textContent = sayError(error);
      button.disabled = false;
    }
  });
}

// Of several tickets each says by itself what became of it. One that is gone stays on the page without
// its code, as a reload shows it, with the address that its new owner has to be told.
function handOn(form) {
  const button = form.querySelector('button');
  const card = form.closest('.ticket');
  const notice = card.querySelector('.notice');
  form.addEventListener('submit', async (submitted) => {
    submitted.preventDefault();
    button.disabled = true;
    notice.textContent = '';
    try {
      await call('POST', `/v1/pay/tickets/${form.dataset.handOn}/transfer`, { to: form.to.value.trim() });
      for (const gone of card.querySelectorAll('svg, .id, details')) gone.remove();
      card.classList.add('void');
      notice.textContent = say('ticket.handed-on', location.origin + location.pathname);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      notice.textContent = sayError(error);
      button.disabled = false;
    }
  });
}

const clock = byId('clock');
if (clock) {
  const tick = () => { clock.textContent = minutes(Date.parse(clock.dataset.until) - serverNow()); };
  setInterval(tick, 500);
  tick();
}

const reload = () => location.reload();
for (const button of document.querySelectorAll('[data-act]')) act(button, `/v1/pay/orders/${order}/${button.dataset.act}`, reload);
const other = byId('other');
if (other) act(other, '/v1/pay/logout', () => location.assign(`/pay/checkout?back=${location.pathname}`));
for (const form of document.querySelectorAll('[data-hand-on]')) handOn(form);
if (order && 'moving' in main.dataset) follow();
