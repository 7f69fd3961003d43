// setup-copy.js: copies a sale to another date: its hall, prices, refund terms and settings. Their times keep their
// distance to the show. Codes and the line's opening time are not copied.

import { call, get, hasPart, publicUrl, withReason } from './api.js';
import { pricesOf } from './blocks.js';
import { make, say } from './kit.js';
import { fromPlace } from './place.js';
import { bare, formOf, IMPORT_MS, judged, nameFault, readHall, timeFault, timeInput, zoneOf } from './setup.js';
import { fieldOf } from './ui.js';

const ID_MAX = 64;
// Members that are only for this event or its day.
const OWN = ['id', 'state', 'version', 'incarnation', 'autopilot_state', 'opens_at', 'prequeue_at', 'closes_at', 'planned_end_at', 'schedule', 'beacon', 'message'];

// Shifts every time in it; members with times are recognised by name.
export function later(value, ms, name = '') {
  if (Array.isArray(value)) return value.map((one) => later(one, ms));
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, its]) => [key, key === 'plan' ? its : later(its, ms, key)]));
  return typeof value === 'string' && /(_at|until)$/.test(name) ? new Date(Date.parse(value) + ms).toISOString() : value;
}

// The line's document for another event; sold-out categories are available again.
export function lineOf(doc, ms) {
  const { prices, ...rest } = bare(Object.fromEntries(Object.entries(doc).filter(([name]) => !OWN.includes(name))));
  const back = prices && { ...prices, categories: Object.fromEntries(Object.entries(prices.categories).map(([name, { price }]) => [name, { price }])) };
  return { ...later(rest, ms), ...(back ? { prices: back } : {}) };
}

// An uploaded picture is retired with its event, so the copy gets its own.
async function pictureFor(id, path) {
  const address = path?.startsWith('/pay/-/') && hasPart('pay') ? publicUrl(path) : null;
  const reply = address === null ? null : await fetch(address, { credentials: 'omit' }).catch(() => null);
  return reply?.ok ? (await call('pay', 'POST', `/admin/events/${id}/pictures`, { body: await reply.blob() })).json : {};
}

async function copy(event, { id, name, starts_at: starts, time_zone: zone }) {
  const path = `/admin/events/${id}`;
  const because = event.why() || say('copy.why', event.id);
  const ms = event.doc.starts_at === null ? 0 : Date.parse(starts) - Date.parse(event.doc.starts_at);
  const hall = await readHall(event.id);
  const picture = await pictureFor(id, event.doc.picture);
  if (hall !== null) await call('seats', 'PUT', path, { body: { ...later(hall.document, ms), ...picture, name, starts_at: starts, time_zone: zone }, waitMs: IMPORT_MS });
  if (hasPart('pay')) {
    const { by, until, before_start_s: before, percent, handed_on: handedOn, version } = await get('pay', `/admin/events/${event.id}/refund-terms`);
    const { json: fresh, etag } = await call('pay', 'GET', `${path}/refund-terms`);
    const body = { by, until: later(until, ms, 'until'), before_start_s: before, percent, handed_on: handedOn, reason: because };
    if (version > 0 && fresh.version === 0) await call('pay', 'PUT', `${path}/refund-terms`, { body, headers: { 'If-Match': etag } });
  }
  const prices = hall === null || event.doc.prices === null ? null : pricesOf(hall.document, null);
  await call('queue', 'PUT', path, { body: { ...lineOf(event.doc, ms), ...picture, ...(prices === null ? {} : { prices }), name, starts_at: starts, time_zone: zone }, headers: { 'If-None-Match': '*', ...withReason(because) } });
}

// copy() makes the line last, so a failed one can be repeated.
export function copyOf(event, hall) {
  const { doc } = event;
  const zone = zoneOf(event, hall?.document);
  const name = make('input', { id: 'copy-name', autocomplete: 'off', value: doc.name });
  const starts = timeInput('copy-starts', null, zone);
  const id = make('input', { id: 'copy-id', autocapitalize: 'none', autocomplete: 'off' });
  starts.addEventListener('input', () => {
    const day = starts.value.slice(0, 10);
    if (day !== '') id.value = `${event.id.replace(/-\d{4}-\d\d-\d\d$/, '').slice(0, ID_MAX - day.length - 1)}-${day}`;
  });

  async function save(form) {
    const good = judged(form, [[name, nameFault(name)], [starts, starts.value === '' ? say('rule.time') : timeFault(starts)], [id, /^[a-z0-9-]{1,64}$/.test(id.value) ? '' : say('new.id-rule')]]);
    if (!good) return;
    const isFree = await get('queue', `/admin/events/${id.value}`).then(() => false, (error) => {
      if (error.status !== 404) throw error;
      return true;
    });
    if (!judged(form, [[id, isFree ? '' : say('copy.taken')]])) return;
    await copy(event, { id: id.value, name: name.value.trim(), starts_at: fromPlace(starts.value, zone), time_zone: zone });
    event.said(say('copy.done'));
    location.hash = `#/events/${id.value}/setup`;
  }

  const form = formOf({}, save, [make('p', { className: 'small' }, say('copy.help')),
    fieldOf(name, say('knob.name')), fieldOf(starts, `${say('knob.starts_at')} (${zone})`), fieldOf(id, say('new.id'), say('new.id-rule'))], { name: 'copy', words: say('copy.button') });
  return make('details', { id: 'copy' }, make('summary', {}, say('copy.title')), form);
}
