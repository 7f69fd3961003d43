// kit.js: shared by the scripts of all pages: phrases in the page's language, the server's time, and calls with
// readable errors.

const wordsAt = document.getElementById('words');
const words = wordsAt ? JSON.parse(wordsAt.textContent) : {};
export const lang = document.documentElement.lang;
// The reader's own variant of that language: British and American English write dates differently.
export const locale = navigator.languages?.find((one) => one.split('-')[0] === lang) ?? lang;

// The phrase of a key with {0}, {1} filled in. Without a phrase, returns the key; nothing of a rarer one that is not
// there yet.
export function say(key, ...values) {
  return (words[key] ?? (key.startsWith('more.') ? '' : key)).replace(/\{(\d)\}/g, (all, i) => values[i] ?? all);
}

export const knows = (key) => key in words;

export { digitsOf, money } from './money.js';

// A page that must be small loads its rarer phrases only when it needs one.
let more = null;
export function moreWords() {
  more ??= fetch(new URL(`more.${lang}.json`, import.meta.url)).then((answer) => answer.json()).then((texts) => Object.assign(words, texts));
  return more.catch(() => { more = null; });
}

export function byId(id) {
  return document.getElementById(id);
}

// An element with properties and children: text never becomes markup.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// The server's clock, continued by performance.now(): if this device's clock is wrong or is corrected, no deadline
// moves. Of several readings, the one with the least network delay counts.
const clock = { aheadMs: Date.now() - performance.now(), spreadMs: Infinity };

function noteServerTime(text, sentAt) {
  const [now, at] = [performance.now(), Date.parse(text)];
  const spreadMs = now - sentAt;
  if (!at || spreadMs > clock.spreadMs) return;
  clock.aheadMs = at + spreadMs / 2 - now;
  clock.spreadMs = spreadMs;
}

// A Date header has whole seconds, rounded down: its time is up to a second older.
export const noteDate = ({ headers }, sentAt) => noteServerTime(headers.get('Date'), sentAt - 1000);

// `text`: when the server wrote this page.
export const notePageTime = (text) => noteServerTime(text, performance.getEntriesByType('navigation')[0]?.requestStart ?? 0);

export const serverNow = () => performance.now() + clock.aheadMs;
// On some systems performance.now() stops while a laptop sleeps, so the next response sets the time again.
function doubtClock() {
  clock.spreadMs = Infinity;
}
document.addEventListener('visibilitychange', doubtClock);

// Calls `act` when the page becomes visible again, and when the device has slept.
export function onWake(act) {
  let [tickAt, tickWall] = [performance.now(), Date.now()];
  const wake = () => {
    if (document.hidden) return;
    [tickAt, tickWall] = [performance.now(), Date.now()]; // or the next tick would wake the page once more
    doubtClock();
    act();
  };
  setInterval(() => {
    const [now, wall] = [performance.now(), Date.now()];
    const slept = now - tickAt > 4000 || Math.abs(wall - tickWall - (now - tickAt)) > 2000;
    [tickAt, tickWall] = [now, wall];
    if (slept) wake();
  }, 1000);
  document.addEventListener('visibilitychange', wake);
  addEventListener('pageshow', ({ persisted }) => { if (persisted) wake(); });
}

export function minutes(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`;
}

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `status ${status}`);
    this.status = status;
    this.code = problem.code ?? 'other';
    this.problem = problem;
  }
}

// Numbers of seats, consecutive ones as "2–5", which never breaks after the dash.
export function inRuns(numbers) {
  const runs = [];
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run && number - run.to === 1) run.to = number;
    else runs.push({ from: number, to: number });
  }
  return runs.map(({ from, to }) => (from === to ? from : `${from}–\u2060${to}`)).join(', ');
}

// Seats' own names, as {label, number}: those that differ in their number alone as one name, "Chair 2–5".
export function labelsInRuns(seats) {
  const alike = new Map();
  for (const { label, number } of seats) {
    const at = label.lastIndexOf(number);
    const sides = [label.slice(0, Math.max(at, 0)), label.slice(at + String(number).length)];
    const isPart = /\d$/.test(sides[0]) || /^\d/.test(sides[1]); // of a longer number
    const around = at < 0 || isPart ? [label] : sides;
    const key = around.join('%s');
    alike.set(key, { around, numbers: [...alike.get(key)?.numbers ?? [], number] });
  }
  return [...alike.values()].map(({ around, numbers }) => around.join(inRuns(numbers))).join(', ');
}

function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const TRIES = 4;
const PATIENCE_S = 5; // the page reports a longer wait
const ANSWER_MS = 15_000; // a connection that died silently would never answer

// One call. A change carries an idempotency key, so it can be retried and still happens only once: also if the answer
// was cut, or does not come. Problems are thrown as Refused; a network that stays down as Refused 0.
export async function call(method, path, body, cache = 'default') {
  const headers = { Accept: 'application/json' };
  if (method !== 'GET') headers['Idempotency-Key'] = newKey();
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  for (let tried = 1; ; tried++) {
    const sentAt = performance.now();
    let [answer, json] = [];
    try {
      answer = await fetch(path, { method, headers, cache, body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout?.(ANSWER_MS) });
      json = answer.status === 204 ? {} : await answer.json().catch((error) => {
        if (answer.ok) throw error;
        return {};
      });
    } catch {
      if (tried === TRIES) throw new Refused(0, { code: 'offline' });
      await pause(300 * 2 ** tried * (0.5 + Math.random()));
      continue;
    }
    const waitS = Number(answer.headers.get('Retry-After') ?? 1);
    if ((answer.status === 503 || answer.status === 429) && tried < TRIES && waitS <= PATIENCE_S) {
      await pause(1000 * waitS * (0.75 + Math.random() / 2));
      continue;
    }
    if (json.server_time) noteServerTime(json.server_time, sentAt);
    else if (/no-store/.test(answer.headers.get('Cache-Control'))) noteDate(answer, sentAt); // a stored answer has an old date
    if (!answer.ok) throw new Refused(answer.status, json);
    return json;
  }
}

// The error in words; an unknown one gets a general sentence.
export function sayError(error) {
  const key = `error.${error.code ?? 'other'}`;
  const { limit, retry_after_s: waitS } = error.problem ?? {};
  return knows(key) ? say(key, limit ?? (waitS ? minutes(1000 * waitS) : '')) : say('error.other');
}

// For screen readers: announced once, after something has happened.
export function announce(text) {
  const at = byId('announce');
  if (at && at.textContent !== text) at.textContent = text;
}

// A value stored in the browser; null removes it. Pages work without it, if storage is full or forbidden.
export const kept = (name, store = 'localStorage') => ({
  name,
  get() {
    try {
      return JSON.parse(self[store].getItem(name));
    } catch {
      return null;
    }
  },
  set(value) {
    try {
      if (value === null) self[store].removeItem(name);
      else self[store].setItem(name, JSON.stringify(value));
    } catch { /* not stored */ }
  },
});
