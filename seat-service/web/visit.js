// visit.js: the visit to the hall: its signs of life, its end, and the notice for visitors without a visit.

import { announce, byId, call, event, knows, minutes, say, serverNow } from './hall.js';

const HEARTBEAT_MS = 60_000;
const HEARTBEAT_MIN_MS = 5_000;
export const WARN_AT_S = [120, 60, 20];

// The line's codes for the end of a visit that the seat service names differently.
const OF_LINE = { 'session-expired': 'pass-expired', 'session-ended': 'pass-ended', 'order-complete': 'pass-ended' };

// The visit is over: nothing on the page can be used any more.
export function gone(code) {
  if (code === 'pass-missing') byId('gone').querySelector('h2').textContent = say('gone.not-yet');
  const key = `gone.${OF_LINE[code] ?? code}`;
  byId('gone-text').textContent = say(knows(key) ? key : 'gone.pass-invalid');
  byId('gone-link').href = `/e/${event}#in`;
  byId('gone').hidden = false;
  for (const id of ['sale', 'cart', 'wait', 'visit']) byId(id).hidden = true;
  byId('sight').close();
  announce(byId('gone').innerText);
  byId('gone-link').focus({ preventScroll: true }); // what had the focus is hidden
}

// A visit's clock pauses while the seat service is down, so the visit may outlive its pass. Then the line issues a new
// pass, and the refused request is retried.
export async function refuse({ code }, again) {
  const renew = () => call('POST', `/v1/queue/${event}/session`).then(() => true, ({ status }) => status === 0 || status >= 500);
  if (code === 'pass-expired' && await renew()) again();
  else gone(code);
}

// Each sign of life extends the visit, up to a fixed end.
const visit = { expires: NaN, ends: NaN, unheard: false };
let heartbeatTimer = 0;

// Below the cart, where it moves nothing. On a phone it appears when the cart is opened.
function showPicture(path) {
  const picture = byId('picture');
  if (!path || picture.getAttribute('src') === path) return;
  picture.src = path;
  picture.hidden = false;
}

export async function heartbeat() {
  clearTimeout(heartbeatTimer);
  try {
    const reply = await call('POST', `/v1/queue/${event}/session`);
    showPicture(reply.picture);
    Object.assign(visit, { expires: Date.parse(reply.expires_at), ends: Date.parse(reply.ends_at), unheard: false });
  } catch (error) {
    visit.unheard = true;
    if (error.status === 401 || error.status === 410) return gone(error.code);
  }
  const left = visit.expires - serverNow() || HEARTBEAT_MS;
  heartbeatTimer = setTimeout(heartbeat, Math.max(HEARTBEAT_MIN_MS, Math.min(HEARTBEAT_MS, left / 2)));
  showVisit();
}

// Every visitor is warned before the fixed end. If signs of life fail, the visitor is also warned before the visit
// expires, and a press sends one more.
let visitWarnedAt = Infinity;
export function showVisit() {
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
