// scheme.js: light or dark. The device decides until the operator chooses; a choice is stored on this device, and
// removed once it equals the device's setting. It rewrites the style sheets' queries for prefers-color-scheme, so that
// no colour is written twice. The page delays its first paint for this file: no white flash in a dark room.

const KEY = 'fg_scheme';
const QUESTION = '(prefers-color-scheme: dark)';
const device = matchMedia(QUESTION);
const root = document.documentElement;
const watchers = new Set();
const asking = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]).filter((rule) => rule instanceof CSSMediaRule && rule.conditionText === QUESTION);
let forced = null; // by a view that is always dark

function kept() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // a browser without storage
  }
}

const chosen = () => forced ?? kept();
export const isDark = () => (chosen() ?? (device.matches ? 'dark' : 'light')) === 'dark';

function apply() {
  const scheme = chosen();
  const answer = { dark: 'all', light: 'not all' }[scheme] ?? QUESTION;
  for (const rule of asking) rule.media.mediaText = answer;
  root.style.colorScheme = scheme ?? '';
  for (const work of watchers) work();
}

export function choose(dark) {
  try {
    if (dark === device.matches) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, dark ? 'dark' : 'light');
  } catch {
    // lasts until the page is closed
  }
  apply();
}

export function force(scheme) {
  forced = scheme;
  apply();
}

// Calls `work` when light turns to dark or back; the returned function stops that.
export function onScheme(work) {
  watchers.add(work);
  return () => watchers.delete(work);
}

device.addEventListener('change', apply);
addEventListener('storage', apply); // chosen in another tab
apply();
