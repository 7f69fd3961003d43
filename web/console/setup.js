// setup.js: sets up a sale in five steps: when and where, the hall with its prices, refunds, the opening, and what is
// missing. Each step is saved by itself, with calls that other views and the command line make too. The hall's document
// and the line both say when and where the show is and what it costs, and this view keeps them the same.

import { call, get, hasPart, limits, loaded, publicUrl, whose, withReason } from './api.js';
import { pricesOf } from './blocks.js';
import { locale, make, say } from './kit.js';
import { danger } from './danger.js';
import { isZone, readPlace, toPlace } from './place.js';
import { blame, checkWords, confirmed, fieldOf, guarded, icon, languageOf, number, rateFault, sayTrouble, show, zone as deviceZone } from './ui.js';
import { readChecklist } from './watch.js';

const STEPS = ['event', 'hall', 'terms', 'opening', 'check'];
const CHECK_EVERY = 3; // refreshes
export const IMPORT_MS = 60_000; // a stadium's document has ten megabytes
const VISITORS_MAX = 1_000_000_000; // as in `fairgate size`
const REASON_BYTES_MAX = 64; // the seat service's limit
const TEXT_BYTES_MAX = { name: 80, venue: 120, picture: 120, about: 240 };
const PICTURE_BYTES_MAX = 20_000; // everybody who waits loads it in the same seconds
const PICTURE_SHAPE = 22 / 40;
const PICTURE_WIDTH_MAX = 1280; // twice the width of the waiting page's card
const LANGUAGES = document.documentElement.dataset.languages.split(' ');

const bytesOf = (text) => new TextEncoder().encode(text);
export const bare = (value) => JSON.parse(JSON.stringify(value, (_, inner) => (inner === null ? undefined : inner)));
const isTime = (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value);
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const inOrder = (value) => JSON.stringify(bare({ value }), (_, inner) => (isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner));
const alike = (one, other) => (isTime(one) && isTime(other) ? Date.parse(one) === Date.parse(other) : inOrder(one) === inOrder(other));

const newIn = (wanted, document) => Object.fromEntries(Object.entries(wanted).filter(([name, value]) => !alike(value, document[name])));
// The members of a form that was filled from `doc`. What the operator left as it was may have another value by now: the
// document's.
const changedSince = (event, doc, filled) => ({ ...Object.fromEntries(Object.keys(filled).map((name) => [name, event.doc[name]])), ...newIn(filled, doc) });

// ---- what the steps share ----

// The hall of an event as {etag, imported, document}: as imported, and with current prices; null without a hall.
export async function readHall(id) {
  if (!hasPart('seats')) return null;
  try {
    const { json, etag } = await call('seats', 'GET', `/admin/events/${id}`);
    const imported = await get('seats', `/admin/events/${id}/document`, { waitMs: IMPORT_MS });
    const priceOf = (name) => json.categories.find((one) => one.name === name)?.price;
    return { etag, imported, document: { ...imported, categories: imported.categories.map((one) => ({ ...one, price: priceOf(one.name) ?? one.price })) } };
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

// Once a seat was held, the document's prices are fixed. Prices for later holds have their own call.
async function putHall(id, hall, document, headers, reason) {
  const path = `/admin/events/${id}`;
  const put = (body) => call('seats', 'PUT', path, { body, headers, waitMs: IMPORT_MS });
  try {
    await put(document);
  } catch (error) {
    const clashes = error.problem?.clashes ?? [];
    if (clashes.length === 0 || clashes.some(({ path: at }) => !/^\/categories\/\d+\/price$/.test(at))) throw error;
    const priceIn = ({ categories }, name) => categories.find((one) => one.name === name)?.price;
    const prices = Object.fromEntries(hall.document.categories.map(({ name }) => [name, priceIn(document, name)]).filter(([name, price]) => price !== priceIn(hall.document, name)));
    if (Object.keys(prices).length > 0) await call('seats', 'POST', `${path}/price`, { body: { prices, reason } });
    await put({ ...document, categories: document.categories.map((one) => ({ ...one, price: priceIn(hall.imported, one.name) ?? one.price })) });
  }
}

// The hall's prices for the line, if it shows any or is a draft, and they differ from the ones before: it may show
// others, which stay. Nothing for more categories than it takes.
function pricesFor({ doc: { prices, state } }, hall, document) {
  const next = pricesOf(document, prices);
  const differ = prices === null ? state === 'draft' : hall === null || !alike(next, pricesOf(hall.document, prices));
  return next !== null && differ ? { prices: next } : {};
}

// Imports a document, or corrects the existing one, with a confirmation after the draft state unless `why` says that
// there was one. The show's time and place go to the line as well, and new prices. False if the operator declined.
export async function saveHall(event, hall, document, why = null) {
  let reason = why ?? event.why();
  const priced = pricesFor(event, hall, document);
  if (why === null && hall !== null && event.doc.state !== 'draft') {
    const lines = 'prices' in priced ? [say('setup.correct-prices')] : [];
    const sure = await confirmed({ title: say('setup.correct', event.doc.name), text: say('setup.correct-means'), lines, yes: say('knobs.apply'), why: { text: reason } });
    if (!sure) return false;
    reason = sure.why;
  }
  const kept = new TextDecoder().decode(bytesOf(reason).slice(0, REASON_BYTES_MAX)).replace(/\uFFFD$/, '');
  const headers = hall === null ? {} : { 'If-Match': hall.etag, ...withReason(kept) };
  await putHall(event.id, hall, document, headers, kept);
  const { starts_at: starts = null, doors_at: doors = null, time_zone: zone = null, venue = null } = document;
  await saveLine(event, { name: document.name, starts_at: starts, doors_at: doors, time_zone: zone, venue, ...priced }, reason);
  return true;
}

// Gives the line and the hall, if there is one, these members, and the line `more`. False if the operator declined.
export async function saveShow(event, hall, wanted, { more = {}, why = null } = {}) {
  const differs = hall !== null && Object.keys(newIn(wanted, hall.document)).length > 0;
  if (differs && !(await saveHall(event, hall, bare({ ...hall.document, ...wanted }), why))) return false;
  await saveLine(event, { ...wanted, ...more }, why ?? event.why());
  return true;
}

async function saveLine(event, wanted, reason = event.why()) {
  const patch = newIn(wanted, event.doc);
  await (Object.keys(patch).length > 0 ? event.save(patch, reason) : event.read());
}

const stepAt = (event, step) => (step === 'parts' ? '#/parts' : `#/events/${event.id}/setup/${step}`);

export function goOn(event, step) {
  event.said(say('setup.saved'));
  location.hash = stepAt(event, STEPS[STEPS.indexOf(step) + 1]);
}

// If the line rejects a knob, the message goes to its field. While it saves, the button does nothing.
export function formOf(inputs, save, children, { name = 'setup', words = say('setup.save'), more = [] } = {}) {
  const trouble = make('p', { id: `${name}-trouble`, className: 'wrong', role: 'alert' });
  const press = make('button', { className: 'main', id: `${name}-save` }, words);
  const form = make('form', { id: `${name}-form`, className: 'card stack', noValidate: true }, ...children, trouble, make('div', { className: 'row' }, press, ...more));
  form.addEventListener('input', ({ target }) => { if (target.hasAttribute('aria-invalid')) blame(target, ''); });
  const work = guarded(async () => {
    press.setAttribute('aria-busy', 'true');
    try {
      await save(form);
    } catch (error) {
      const input = inputs[error.problem?.pointer?.split('/')[1]];
      if (input === undefined) throw error;
      blame(input, say('rule.refused', error.problem.rule));
      input.focus();
    } finally {
      press.removeAttribute('aria-busy');
    }
  }, (said) => { trouble.textContent = said; });
  form.addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    if (!press.hasAttribute('aria-busy')) work(submitted);
  });
  return form;
}

// True if all fields are valid; otherwise focuses the first invalid one.
export function judged(form, faults) {
  for (const [input, words] of faults) blame(input, words);
  form.querySelector('[aria-invalid]')?.focus();
  return form.querySelector('[aria-invalid]') === null;
}

const textFault = (input, most) => (bytesOf(input.value.trim()).length <= most ? '' : say('rule.bytes', number(bytesOf(input.value.trim()).length), number(most)));
export const nameFault = (input) => (input.value.trim() === '' ? say('setup.wrong-name') : textFault(input, TEXT_BYTES_MAX.name));
export const timeFault = (input) => (input.validity.badInput ? say('rule.time') : '');

// ---- when and where ----

// The device's zone only if neither the line nor the hall, as a document or as it is listed, has one.
export const zoneOf = ({ doc }, hall) => doc.time_zone ?? hall?.time_zone ?? deviceZone();

// Shows the picture at this path of the visitors' pages. '' or why they can't use it. Where no other origin may read its
// bytes, it only has to load.
async function pictureFault(path, shown) {
  const address = publicUrl(path);
  shown.removeAttribute('src');
  if (path === '' || address === null) return '';
  const reply = await fetch(address, { credentials: 'omit' }).catch(() => null);
  const size = reply?.ok ? (await reply.blob()).size : 0;
  const loads = await make('img', { src: address }).decode().then(() => true, () => false);
  if (!loads) return say('setup.no-picture', address);
  shown.src = address;
  return size <= PICTURE_BYTES_MAX ? '' : say('rule.bytes', number(size), number(PICTURE_BYTES_MAX));
}

// An image file as the pages show it, cut below and small enough. Some browsers can't make WebP.
async function pictureOf(file) {
  const image = await createImageBitmap(file);
  const height = Math.min(image.height, image.width * PICTURE_SHAPE);
  for (let width = Math.min(image.width, PICTURE_WIDTH_MAX); ; width *= 0.75) {
    const canvas = make('canvas', { width, height: Math.max(1, width * height / image.width) });
    const pen = canvas.getContext('2d');
    pen.fillStyle = 'white'; // a JPEG shows nothing as black
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, image.width, height, 0, 0, canvas.width, canvas.height);
    for (const quality of [0.8, 0.6, 0.4])
      for (const type of ['image/webp', 'image/jpeg']) {
        const blob = await new Promise((done) => { canvas.toBlob(done, type, quality); });
        if (blob.type === type && blob.size <= PICTURE_BYTES_MAX) return blob;
      }
  }
}

export const timeInput = (id, at, zone) => make('input', { id, type: 'datetime-local', value: toPlace(at, zone) });

// One text for all languages, or one per language, from the stored value.
function textsOf(words, id, text) {
  const tags = text !== null && typeof text === 'object' ? [...new Set([...LANGUAGES, ...Object.keys(text)])] : [''];
  const inputs = tags.map((tag) => [tag, make('input', { id: `${id}${tag && `-${tag}`}`, autocomplete: 'off', lang: tag, value: (tag === '' ? text : text[tag]) ?? '' })]);
  return {
    inputs: inputs.map(([, input]) => input),
    fields: inputs.map(([tag, input]) => fieldOf(input, tag === '' ? words : `${words} (${languageOf(tag)})`)),
    each: () => Object.fromEntries(inputs.map(([tag, input]) => [tag, input.value.trim() || null])),
    value() {
      const texts = inputs.map(([tag, input]) => [tag, input.value.trim() || null]);
      if (texts.every(([, its]) => its === null)) return null;
      return texts[0][0] === '' ? texts[0][1] : Object.fromEntries(texts);
    },
  };
}

function eventStep(event, hall) {
  const { doc } = event;
  const before = zoneOf(event, hall?.document);
  const name = make('input', { id: 'setup-name', autocomplete: 'off', value: doc.name });
  const zone = make('input', { id: 'setup-zone', autocomplete: 'off', spellcheck: false, value: before });
  zone.setAttribute('list', 'setup-zones');
  const [starts, doors] = [timeInput('setup-starts', doc.starts_at, before), timeInput('setup-doors', doc.doors_at, before)];
  const [venue, address] = [['name', 'setup-venue'], ['address', 'setup-address']].map(([part, id]) => textsOf(say(`knob.venue.${part}`), id, doc.venue?.[part] ?? null));
  const picture = make('input', { id: 'setup-picture', autocomplete: 'off', spellcheck: false, value: doc.picture ?? '' });
  const pathFault = () => (/^(\/(?!\/)[\w/.~%-]+)?$/.test(picture.value.trim()) ? textFault(picture, TEXT_BYTES_MAX.picture) : say('setup.wrong-picture'));
  const shown = make('img', { id: 'setup-shown', alt: '' });
  const loadFault = async () => pathFault() || pictureFault(picture.value.trim(), shown);
  picture.addEventListener('change', loadFault); // shows it; a reason here would move the button away from its press
  loadFault();
  const upload = make('input', { id: 'setup-upload', type: 'file', accept: 'image/jpeg,image/png,image/webp' });
  let uploadFault = ''; // or a promise of it
  async function send(file) {
    const blob = await pictureOf(file).catch(() => null);
    if (blob === null) return say('setup.wrong-upload');
    try {
      picture.value = (await call('pay', 'POST', `/admin/events/${event.id}/pictures`, { body: blob })).json.picture;
      await loadFault();
      return '';
    } catch (error) {
      return sayTrouble(error);
    }
  }
  upload.addEventListener('click', () => { upload.value = ''; }); // the same file can be tried again
  upload.addEventListener('change', () => {
    const [[file], before] = [upload.files, uploadFault];
    if (file !== undefined) uploadFault = Promise.resolve(before).then(() => send(file)); // the last one wins
  });
  const about = textsOf(say('knob.about'), 'setup-about', doc.about);
  const inputs = { name, starts_at: starts, doors_at: doors, time_zone: zone, venue: venue.inputs[0], picture, about: about.inputs[0] };

  async function save(form) {
    const fault = await uploadFault;
    const good = judged(form, [
      [name, nameFault(name)],
      [zone, isZone(zone.value.trim()) ? '' : say('setup.wrong-zone')],
      [starts, timeFault(starts)],
      [doors, timeFault(doors) || (doors.value !== '' && (starts.value === '' || doors.value > starts.value) ? say('setup.wrong-doors') : '')],
      ...[...venue.inputs, ...address.inputs].map((input) => [input, textFault(input, TEXT_BYTES_MAX.venue)]),
      ...(hasPart('pay') ? [[upload, upload.files.length === 0 ? '' : fault]] : []),
      [picture, picture.value.trim() === (doc.picture ?? '') ? '' : await loadFault()],
      ...about.inputs.map((input) => [input, textFault(input, TEXT_BYTES_MAX.about)]),
      ...(venue.value() === null && address.value() !== null ? [[venue.inputs[0], say('setup.wrong-venue')]] : []),
    ]);
    if (!good) return;
    const place = zone.value.trim();
    const at = (input, was) => readPlace(input.value, place === before ? was : null, place);
    const wanted = changedSince(event, doc, {
      name: name.value.trim(), starts_at: at(starts, doc.starts_at), doors_at: at(doors, doc.doors_at), time_zone: place,
      venue: venue.value() === null ? null : { name: venue.value(), address: address.value() },
      picture: picture.value.trim() || null,
    });
    if (await saveShow(event, hall, wanted, { more: newIn({ about: about.each() }, doc) })) goOn(event, 'event');
  }

  const zones = make('datalist', { id: 'setup-zones' }, ...Intl.supportedValuesOf('timeZone').map((value) => make('option', { value })));
  return formOf(inputs, save, [make('h2', {}, say('setup.event')), make('p', { className: 'small' }, say('setup.event-help')),
    fieldOf(name, say('knob.name')), fieldOf(starts, say('knob.starts_at')), fieldOf(doors, say('knob.doors_at'), say('help.doors_at')), fieldOf(zone, say('knob.time_zone'), say('setup.zone-help')), zones,
    ...venue.fields, ...address.fields, ...about.fields,
    ...(hasPart('pay') ? [fieldOf(upload, say('setup.upload'), say('setup.upload-help'))] : []), fieldOf(picture, say('knob.picture'), say('help.picture')), shown]);
}

// ---- the opening ----

// As "25 minutes" or "3 hours".
function inMinutes(s) {
  const [value, unit] = s < 5400 ? [Math.ceil(s / 60), 'minute'] : [Math.round(s / 360) / 10, 'hour'];
  return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
}

async function openingStep(event, hall) {
  const { sizeFor } = await loaded(import('./size.min.js'));
  const { doc } = event;
  const zone = zoneOf(event, hall);
  const opens = timeInput('setup-opens', doc.opens_at, zone);
  const rate = make('input', { id: 'setup-rate', type: 'number', step: 'any', min: 0, max: 100000, inputMode: 'decimal', value: doc.rate_per_s });
  const visitors = make('input', { id: 'setup-visitors', type: 'number', min: 1, max: VISITORS_MAX, inputMode: 'numeric' });
  const note = make('div', { id: 'setup-rate-told', className: 'told', role: 'status' });
  const places = (hall?.categories ?? []).reduce((sum, { free, held, sold, blocked }) => sum + free + held + sold + blocked, 0);
  // Shows what `fairgate size` computes.
  function tell() {
    const value = rateFault(rate) === '' ? Number(rate.value) : 0;
    const come = visitors.valueAsNumber;
    const hourly = value === 0 ? say('danger.rate-zero') : say(places > 0 ? 'setup.rate-told' : 'setup.rate-told-alone', number(value * 3600), number(places));
    if (value === 0 || places === 0 || !(come >= 1 && come <= VISITORS_MAX)) {
      show(note, make('p', {}, hourly));
      return;
    }
    const { edges, fronts, shards, pays, maxActive, pspPerS, usersPerS, soldS } = sizeFor({ visitors: come, seats: places, ratePerS: value });
    const isFull = doc.max_active > 0 && doc.max_active < maxActive;
    show(note, make('p', {}, hourly), make('ul', { className: 'dots' }, ...[
      say('setup.size-sold', inMinutes(soldS)), say('setup.size-called', inMinutes(come / value)),
      say(isFull ? 'setup.size-full' : 'setup.size-inside', number(maxActive), number(doc.max_active)),
      say('setup.size-machines', number(edges), number(fronts), number(shards), number(pays)), say('setup.size-asks', number(pspPerS), number(usersPerS)),
    ].map((words) => make('li', {}, words))));
  }
  for (const input of [rate, visitors]) input.addEventListener('input', tell);
  tell();

  async function save(form) {
    if (!judged(form, [[opens, timeFault(opens)], [rate, rateFault(rate)]])) return;
    const value = Number(rate.value);
    const asks = ['draft', 'scheduled'].includes(doc.state) ? '' : danger('rate_per_s', doc.rate_per_s, value);
    const sure = asks === '' ? { why: event.why() } : await confirmed({ title: say('knobs.sure'), text: asks, yes: say('knobs.apply'), why: { text: event.why() } });
    if (!sure) return;
    await saveLine(event, changedSince(event, doc, { opens_at: readPlace(opens.value, doc.opens_at, zone), rate_per_s: value }), sure.why);
    goOn(event, 'opening');
  }
  return formOf({ opens_at: opens, rate_per_s: rate }, save, [make('h2', {}, say('setup.opening')),
    fieldOf(opens, `${say('knob.opens_at')} (${zone})`, say('help.opens_at')), fieldOf(rate, `${say('knob.rate_per_s')} (${say('unit.people/s')})`, say('help.rate_per_s')), fieldOf(visitors, say('setup.visitors'), say('setup.visitors-help')), note]);
}

// ---- what is missing ----

function checkStep(event) {
  const list = make('ul', { id: 'setup-list', className: 'lines' });
  const sum = make('p', { id: 'setup-sum', role: 'status' });
  const read = async () => {
    const items = await readChecklist(event);
    const left = items.filter(({ done }) => !done).length;
    sum.textContent = left === 0 ? say('setup.all-done') : say('setup.left', left);
    show(list, ...items.map((item) => make('li', { className: `row ${item.done ? 'good' : 'wrong'}` }, icon(item.done ? 'fine' : 'look'), make('span', {}, checkWords(item)),
      make('a', { href: stepAt(event, item.step) }, say(item.step === 'parts' ? 'menu.parts' : `setup.${item.step}`)))));
  };
  const page = publicUrl(`/e/${event.id}`);
  const test = page === null ? [] : [make('p', {}, make('a', { id: 'setup-test', href: page }, say('setup.test')))];
  return { read, at: make('section', { id: 'setup-check', className: 'card stack' }, make('h2', {}, say('setup.check')), sum, list, make('p', { className: 'small' }, say('setup.check-help')), ...test) };
}

// ---- the page ----

function stepsNav(event, step) {
  const links = STEPS.map((key) => make('a', { href: stepAt(event, key) }, say(`setup.${key}`)));
  links[STEPS.indexOf(step)].setAttribute('aria-current', 'step');
  return make('nav', { id: 'setup-steps', 'aria-label': say('view.setup') }, make('ol', {}, ...links.map((link) => make('li', {}, link))));
}

export async function open(body, event, part) {
  const step = STEPS.includes(part) ? part : STEPS[0];
  const nav = stepsNav(event, step);
  if (step === 'check') {
    const check = checkStep(event);
    await check.read();
    body.replaceChildren(nav, check.at);
    let turns = 0;
    return { refresh: async () => { if (++turns % CHECK_EVERY === 0) await check.read(); } };
  }
  const needs = { hall: 'seats', terms: 'pay' }[step];
  if (needs && !hasPart(needs)) {
    body.replaceChildren(nav, make('p', {}, say(needs === 'seats' ? 'seats.no-part' : 'orders.no-part')));
    return {};
  }
  if (step === 'opening') {
    const info = hasPart('seats') ? await get('seats', `/admin/events/${event.id}`).catch(() => null) : null;
    body.replaceChildren(nav, await openingStep(event, info));
    return {};
  }
  // Retried at each refresh: a sleeping hall, for example, answers later.
  async function showStep() {
    try {
      if (step === 'terms') {
        await (await loaded(import('./setup-terms.js'))).open(body, nav, event);
        return true;
      }
      const hall = await readHall(event.id);
      if (step === 'hall') (await loaded(import('./setup-hall.js'))).open(body, nav, event, hall);
      else body.replaceChildren(nav, eventStep(event, hall), ...(limits() === null && whose().role === 'admin' ? [(await loaded(import('./setup-copy.js'))).copyOf(event, hall)] : []));
      return true;
    } catch (error) {
      if (!('problem' in error) || error.problem.isFile) throw error;
      body.replaceChildren(nav, make('p', { id: 'setup-trouble', className: 'wrong' }, `${say(`part.${needs ?? 'seats'}`)}: ${sayTrouble(error)}`));
      return false;
    }
  }
  let shown = await showStep();
  return { refresh: async () => { shown ||= await showStep(); } };
}
