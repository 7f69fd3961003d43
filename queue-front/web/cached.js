// cached.js: personalises a cached page. wait.js loads it there and waits for it before any join. It sets the cookie
// that recognises a join whose response was lost, and finds this browser's place, if any, and the page in its language.

import { byId, lang } from './kit.js';
import { note } from './show.js';

const YEAR_S = 31_536_000;
const MONTH_S = 2_592_000;
const VISITOR_BYTES = 16;
const AGAIN_MAX_MS = 20_000;

function setCookie(name, value, maxAge) {
  const secure = location.protocol === 'https:' ? '; Secure' : '';
  document.cookie = `${name}=${value}; Path=/; Max-Age=${maxAge}; SameSite=Lax${secure}`;
}

const cookie = (name) => document.cookie.split('; ').find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);

// A cookie that a front has set (HttpOnly) stays: scripts cannot replace it.
function beKnown() {
  if (cookie('fg_visitor')) return;
  const text = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(VISITOR_BYTES))));
  setCookie('fg_visitor', text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''), MONTH_S);
}

const hasCode = () => Boolean(location.hash.includes('=') || byId('code').value || byId('invitation')?.value);

// A cache that ignores Accept-Language gives all visitors the page of the first. A language in the address is a choice,
// so it is stored. A visitor with a code stays on the page where it was entered.
function otherLanguage() {
  const [page] = performance.getEntriesByType('navigation');
  const asked = new URL(page?.name ?? location.href).searchParams.get('lang');
  if (asked === lang) setCookie('fg_lang', lang, YEAR_S);
  const offered = [...document.querySelectorAll('header nav [lang]')].map((link) => link.lang);
  const wanted = [cookie('fg_lang'), ...navigator.languages.map((one) => one.split('-')[0])].find((one) => offered.includes(one));
  if (asked || !wanted || wanted === lang || hasCode()) return false;
  location.replace(`?lang=${wanted}`);
  return true;
}

// Nothing else on this page asks for the place, so this repeats until there is an answer, or a join has given one. Only
// the first try is waited for.
async function findPlace(ask, settle, tries = 1) {
  const answer = await ask('GET', 'me').catch(() => null);
  if (byId('line').dataset.entry) return undefined;
  if (answer?.ok) return settle(await answer.json());
  if (answer?.status === 401) return note('place').set(null);
  const ms = Math.max(1000 * Number(answer?.headers.get('Retry-After') ?? 0), Math.min(AGAIN_MAX_MS, 1000 * 2 ** tries));
  setTimeout(() => findPlace(ask, settle, tries + 1).catch(() => {}), ms * (1 + Math.random() / 2));
  return undefined;
}

export async function begin(ask, settle, home) {
  beKnown();
  if (otherLanguage()) return;
  // Only the visitor's own page offers the lane that the member's token opens. It does not get a code of this address.
  const mayMove = (me) => me.place === 'waiting' && me.state !== 'closed' && !me.lane && !hasCode();
  const show = (me) => (Number(byId('line').dataset.lanes) > 0 && mayMove(me) ? location.replace(home) : settle(me));
  if (note('place').get()) await findPlace(ask, show).catch(() => {});
}
