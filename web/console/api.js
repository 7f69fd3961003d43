// api.js: calls to the private listeners. The page's own is its origin; the page carries the configured addresses of
// the others. The token is in sessionStorage until the tab is closed, and is sent in a header. There is no cookie, so
// no other page can act in its name.

import { Refused } from './kit.js';

const WAIT_MS = 8000;
const { parts: listed, visitors } = JSON.parse(document.getElementById('parts').textContent);

// {name, at}: "queue" is the service that served this page, "seats" and "pay" have views of their own.
export const parts = [{ name: 'queue', at: '' }, ...listed];
// The address of a path as visitors know it; null: [web] public_url is empty.
export const publicUrl = (path) => (visitors === '' ? null : visitors + path);
export const hasPart = (name) => parts.some((part) => part.name === name);

const store = sessionStorage;
export const operator = () => store.getItem('fg_operator') ?? '';
export const signedIn = () => store.getItem('fg_token') !== null;

// `name` is for a nameless token.
export function signIn(token, name) {
  store.setItem('fg_token', token);
  store.setItem('fg_operator', name);
}

// The token's owner, as the service reports it: {by, name, role, grants}. Without grants, the role is for all events.
export const setWhose = (whose) => store.setItem('fg_whose', JSON.stringify(whose));
export const whose = () => JSON.parse(store.getItem('fg_whose') ?? '{"role":"admin"}');

const ROLES = ['viewer', 'desk', 'finance', 'operator', 'admin'];
const covers = (events, id) => (events?.endsWith('*') ? id.startsWith(events.slice(0, -1)) : events === undefined || events === id);

// The highest role of the token at this event; undefined: none.
export function roleAt(id) {
  const { role, grants = [{ role }] } = whose();
  return ROLES[Math.max(...grants.filter(({ events }) => covers(events, id)).map((grant) => ROLES.indexOf(grant.role)))];
}

// The events that the token is limited to, by id or by a prefix and a star; null: no limit.
export function limits() {
  const { grants = [{}] } = whose();
  return grants.every(({ events }) => events !== undefined) ? [...new Set(grants.map(({ events }) => events))] : null;
}

export function signOut() {
  for (const key of Object.keys(store)) if (key.startsWith('fg_')) store.removeItem(key);
}

// A part may have its own token.
export const setToken = (name, token) => store.setItem(`fg_token.${name}`, token);
const tokenOf = (name) => store.getItem(`fg_token.${name}`) ?? store.getItem('fg_token') ?? '';

// The reason for the audit. A header holds only ASCII, so it is percent-encoded.
export const withReason = (reason) => (reason === '' ? {} : { 'X-Reason': encodeURI(reason) });

function headersOf(name, { body, headers }) {
  const all = new Headers({ Authorization: `Bearer ${tokenOf(name)}`, ...headers });
  if (body !== undefined && !(body instanceof Blob)) all.set('Content-Type', 'application/json'); // a blob has its own
  if (name === 'queue' && operator() !== '') all.set('X-Operator', encodeURI(operator()));
  return all;
}

async function send(name, method, path, { cache = 'no-store', waitMs = WAIT_MS, ...options }) {
  const part = parts.find((one) => one.name === name);
  if (part === undefined) throw new Refused(0, { code: 'part-unknown' });
  return unlessCut(fetch(part.at + path, {
    method, cache, credentials: 'omit', signal: AbortSignal.timeout(waitMs), headers: headersOf(name, options),
    body: options.body instanceof Blob ? options.body : JSON.stringify(options.body),
  }));
}

// The connection can break before or in a response's body.
export const unlessCut = (part) => part.catch(() => { throw new Refused(0, { code: 'offline' }); });

// A script of the page that is loaded when it is needed. `isFile`: a browser may remember that it did not load, and a
// newer version of the page may have another address for it.
export const loaded = (script) => script.catch(() => { throw new Refused(0, { code: 'offline', isFile: true }); });

// With several processes for the seats, one may respond that another has the event (421). The request is sent there
// once more, since an edge in between learns from that response. Then it goes to the other process, if that is a part:
// the page calls only addresses from the configuration.
const homes = new Map(); // event -> the part that has its seats

async function sendHome(name, method, path, options) {
  const event = name === 'seats' ? /^\/admin\/events\/([^/?]+)/.exec(path)?.[1] : undefined;
  const home = homes.get(event);
  homes.delete(event); // until it responds
  const answer = await send(home ?? name, method, path, options);
  if (answer.status !== 421) {
    if (home !== undefined && answer.status < 500) homes.set(event, home);
    return answer;
  }
  const again = await send(name, method, path, options);
  if (again.status !== 421) return again;
  const { owner } = await unlessCut(again.clone().json());
  if (!hasPart(owner)) return again;
  homes.set(event, owner);
  return send(owner, method, path, options);
}

// Returns {json, etag}; with `octets: true`, bytes instead of JSON, and `next` if there are more. An error is thrown as
// Refused, a silent part as Refused 0.
export async function call(name, method, path, options = {}) {
  const answer = await sendHome(name, method, path, options);
  if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => ({})));
  const etag = answer.headers.get('ETag');
  const next = /<([^>]+)>; rel="next"/.exec(answer.headers.get('Link') ?? '')?.[1];
  if (options.octets) return { octets: new Uint8Array(await unlessCut(answer.arrayBuffer())), etag, next };
  return { json: answer.status === 204 ? null : await unlessCut(answer.json()), etag };
}

export const get = async (name, path, options) => (await call(name, 'GET', path, options)).json;

// A part's health: {ready, role, reasons, out, took_ms}, or {ready: false, silent: true}. A part can be ready and still
// have events out of service.
export async function health(name) {
  const began = performance.now();
  try {
    const answer = await send(name, 'GET', '/readyz', {});
    return { ...(await answer.json()), took_ms: performance.now() - began };
  } catch {
    return { ready: false, silent: true, reasons: [], took_ms: performance.now() - began };
  }
}

// The health of all parts, a few seconds old at most: the menu, the list and an event's verdict request it at the same
// time.
const FRESH_MS = 4000;
let asked = { at: -Infinity, answer: null };
export function allHealth() {
  if (performance.now() - asked.at > FRESH_MS) {
    asked = { at: performance.now(), answer: Promise.all(parts.map(async ({ name }) => ({ name, ...(await health(name)) }))) };
  }
  return asked.answer;
}

// Prometheus text -> a function: metric('name', {label: 'value'}) sums the matching samples.
export async function metrics(name) {
  const answer = await send(name, 'GET', '/metrics', {});
  if (!answer.ok) throw new Refused(answer.status, {});
  const rows = [];
  for (const line of (await unlessCut(answer.text())).split('\n')) {
    const found = /^([a-z_]+)(?:\{(.*)\})? ([^ ]+)/.exec(line);
    if (found !== null) rows.push({ name: found[1], labels: found[2] ?? '', value: Number(found[3]) });
  }
  return (wanted, labels = {}) => {
    const parts = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    const fit = rows.filter((row) => row.name === wanted && parts.every((part) => row.labels.includes(part)));
    return fit.length === 0 ? null : fit.reduce((sum, row) => sum + row.value, 0);
  };
}
