// order.js: for the pages of an order and of its tickets, which are complete without it. It updates the order's page as
// soon as the order changes, and adds buttons to cancel, to refund, to print and to log in with another account.

import { announce, byId, call, knows, lang, minutes, money, notePageTime, onWake, Refused, say, sayError, serverNow } from './kit.js';
import { showTime, withHere } from './when.js';

const main = document.querySelector('main');
const { order, status } = main.dataset;

// Providers add parameters to the address when they send buyers back, even secrets. While the payment is open, some of
// these exist nowhere else, so a reload must send them again. Afterwards they are removed, so that nobody shares or
// bookmarks them.
if (order && status !== 'pending_payment') {
  const shown = new URL(location.href);
  const lang = shown.searchParams.get('lang');
  shown.search = lang ? `?lang=${encodeURIComponent(lang)}` : '';
  if (shown.href !== location.href) history.replaceState(history.state, '', shown);
}

for (const data of document.querySelectorAll('data[data-currency]')) data.textContent = money(Number(data.value), data.dataset.currency);
for (const time of document.querySelectorAll('time')) showTime(time, time.dateTime, time.dataset.zone);
for (const line of document.querySelectorAll('[data-starts]')) line.textContent = withHere(line.textContent, line.dataset.starts, line.dataset.zone);
for (const needed of document.querySelectorAll('.with-script')) needed.hidden = false;
byId('print')?.addEventListener('click', () => print());

// For the door: the QR code alone, as large as the screen, black on white even in dark mode. The screen stays on; the
// browser lets go of it when the page is hidden, so it is asked again.
function showLarge(ticket) {
  byId('bright-seat').textContent = ticket.ariaLabel;
  byId('bright-code').replaceChildren(ticket.querySelector('.code svg').cloneNode(true));
  byId('bright').showModal();
  let kept = null;
  const stayOn = () => { if (!document.hidden) kept = navigator.wakeLock?.request('screen').catch(() => null); };
  stayOn();
  document.addEventListener('visibilitychange', stayOn);
  byId('bright').addEventListener('close', async () => {
    document.removeEventListener('visibilitychange', stayOn);
    (await kept)?.release();
    byId('bright-code').replaceChildren();
  }, { once: true });
}
for (const button of document.querySelectorAll('[data-large]')) button.addEventListener('click', () => showLarge(button.closest('.ticket')));
byId('bright-close')?.addEventListener('click', () => byId('bright').close());

// A calendar entry (RFC 5545). The end of the event is unknown.
byId('calendar')?.addEventListener('click', ({ currentTarget: { dataset } }) => {
  const stamp = (at) => new Date(at).toISOString().replace(/[-:]|\.\d+/g, '');
  const words = (text) => text.replace(/[\\;,]/g, '\\$&').replace(/\s+/g, ' ');
  const place = dataset.venue ? [`LOCATION:${words(dataset.venue)}`] : [];
  const lines = ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//Fairgate//Tickets//EN', 'BEGIN:VEVENT', `UID:${location.pathname.split('/').at(-1)}@${location.hostname}`,
    `DTSTAMP:${stamp(serverNow())}`, `DTSTART:${stamp(dataset.begins)}`, `SUMMARY:${words(dataset.event)}`, `DESCRIPTION:${words(dataset.line)}`, ...place, `URL:${location.origin}${location.pathname}`, 'END:VEVENT', 'END:VCALENDAR', ''];
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([lines.join('\r\n')], { type: 'text/calendar' }));
  link.download = 'tickets.ics';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});

// Uses the device's share sheet or, without one, the clipboard.
async function share(button) {
  const url = button.dataset.share;
  try {
    if (navigator.share) await navigator.share({ title: document.title, url });
    else {
      await navigator.clipboard.writeText(url);
      button.textContent = say('ticket.copied');
      announce(say('ticket.copied'));
    }
  } catch {} // cancelled by the visitor; the address is shown above
}
for (const button of document.querySelectorAll('[data-share]')) button.addEventListener('click', () => share(button));

function follow() {
  const stream = new EventSource(`/v1/pay/orders/${order}/stream`);
  stream.addEventListener('order', (message) => {
    const now = JSON.parse(message.data);
    const checking = now.reason === 'checking-payment';
    if (now.status !== status || checking !== 'checking' in main.dataset || (now.payment?.checkout_url && !now.event_cancelled && !byId('pay-link') && status === 'pending_payment')) location.reload();
  });
  stream.addEventListener('error', () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => { if (navigator.onLine) location.reload(); }, 5000);
  });
  // The order continues without this page. Once the connection is back, a reload shows its state.
  addEventListener('offline', () => { byId('notice').textContent = say('order.lost'); });
  addEventListener('online', () => location.reload());
}

// An order's money may have moved, so the text for an unknown error promises nothing about it. A visitor who is logged
// out gets the reloaded page, which says so.
function sayHere(error) {
  if (error.code === 'login-required') location.reload();
  if (error.code === 'offline') return say('order.offline');
  return ['other', 'unavailable', 'overloaded', 'login-required'].includes(error.code) || !knows(`error.${error.code}`) ? say('order.not-done') : sayError(error);
}

// A button that sends one request; then() shows the result.
function act(button, path, then, method = 'POST') {
  button.addEventListener('click', async (pressed) => {
    pressed.preventDefault(); // without a script its form is sent
    button.disabled = true;
    byId('notice').textContent = '';
    try {
      await call(method, path);
      then();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      byId('notice').textContent = sayHere(error);
      button.disabled = false;
    }
  });
}

// Offers a ticket to another member. Until it is accepted it still shows here, with the address to pass on.
function handOn(form) {
  const button = form.querySelector('button');
  const notice = form.closest('.ticket').querySelector('.notice');
  form.addEventListener('submit', async (submitted) => {
    submitted.preventDefault();
    button.disabled = true;
    notice.textContent = '';
    try {
      await call('POST', `/v1/pay/tickets/${form.dataset.handOn}/transfer`, { to: form.to.value.trim() });
      location.reload();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      notice.textContent = sayHere(error);
      button.disabled = false;
    }
  });
}

const clock = byId('clock');
if (clock) {
  clock.parentElement.previousElementSibling.textContent = say('order.until');
  notePageTime(clock.dataset.now);
  const tick = () => { clock.textContent = minutes(Date.parse(clock.dataset.until) - serverNow()); };
  setInterval(tick, 500);
  tick();
}

// A cancel is accepted at once and done a moment later; then the page updates itself.
const thens = {
  cancel: () => { byId('notice').textContent = say('order.cancelling'); },
  refund: () => location.reload(),
};
for (const button of document.querySelectorAll('[data-act]')) act(button, `/v1/pay/orders/${order}/${button.dataset.act}`, thens[button.dataset.act]);
const other = byId('other');
if (other) act(other, '/v1/pay/logout', () => location.assign(`/pay/checkout?back=${location.pathname}`));
for (const form of document.querySelectorAll('[data-hand-on]')) handOn(form);
for (const button of document.querySelectorAll('[data-take]')) act(button, `/v1/pay/tickets/${button.dataset.take}/accept`, () => location.reload());
for (const button of document.querySelectorAll('[data-keep]')) act(button, `/v1/pay/tickets/${button.dataset.keep}/transfer`, () => location.reload(), 'DELETE');
if (order && 'moving' in main.dataset) follow();

// While the page is open, operators may move seats, reissue tickets, change the event's date or venue, cancel the event or
// refund the order, and members may accept tickets. Then it reloads.
const LOOK_MS = 120_000;
const { moved } = main.dataset;
const tickets = main.matches('.tickets');
const timeIn = (iso) => Date.parse(iso) || 0;
const wordsIn = (text) => (typeof text === 'object' ? text[lang] ?? text.en ?? Object.values(text)[0] : text);
const placeIn = ({ name, address }) => [name, address].filter(Boolean).map(wordsIn).join(', '); // as show.c writes it
const starts = timeIn(document.querySelector('[data-starts]')?.dataset.starts);
const venue = document.querySelector('.when[data-venue]')?.dataset.venue ?? '';
const shown = [starts, venue, ...(tickets ? [...document.querySelectorAll('[data-large]')].map(({ dataset }) => dataset.large) : [status, false, moved])].join();
async function lookAgain() {
  if (document.hidden) return;
  const path = `/v1/pay/orders/${order}${tickets ? '/tickets' : ''}`;
  const now = await call('GET', path).catch(({ code }) => (code === 'tickets-unknown' ? { tickets: [] } : null));
  if (!now) return;
  const good = now.tickets?.filter(({ state }) => state === 'valid' || state === 'used');
  const where = now.venue ? placeIn(now.venue) : venue;
  const next = good ? [timeIn(good[0]?.starts_at) || starts, where, ...good.map(({ ticket }) => ticket)] : [timeIn(now.starts_at), where, now.status, Boolean(now.event_cancelled), now.moved_at ?? ''];
  if (next.join() !== shown) location.reload();
}
if (moved !== undefined || clock) {
  onWake(lookAgain);
  setInterval(lookAgain, LOOK_MS);
}
if (moved) { // announce the new seats
  const seats = [...document.querySelectorAll('.lines li > span:first-child, .ticket:not(.void)')].map((one) => one.getAttribute('aria-label') ?? one.textContent);
  setTimeout(() => announce(say('order.moved-to', seats.join(', '))), 1000); // screen readers announce only changes after the page is loaded
}
