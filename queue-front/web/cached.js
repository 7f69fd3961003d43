// cached.js: personalises a cached page. wait.js loads it there and waits for it before any join. It sets the cookie
// that recognises a join whose response was lost, and finds this browser's place, if any, and the page in its language.

import { byId, lang } from './kit.js';
import { keep } from './show.js';

const YEAR_S = 31_536_000;
const MONTH_S = 2_592_000;
const VISITOR_BYTES = 16;

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

// A cache that ignores Accept-Language gives all visitors the page of the first. A language in the address is a choice,
// so it is stored. A visitor with a code stays on the page where it was entered.
function otherLanguage() {
  const [page] = performance.getEntriesByType('navigation');
  const asked = new URL(page?.name ?? location.href).searchParams.get('lang');
  if (asked === lang) setCookie('fg_lang', lang, YEAR_S);
  const offered = [...document.querySelectorAll('header nav [lang]')].map((link) => link.lang);
  const wanted = [cookie('fg_lang'), ...navigator.languages.map((one) => one.split('-')[0])].find((one) => offered.includes(one));
  if (asked || !wanted || wanted === lang || byId('code').value || byId('invitation')?.value) return false;
  location.replace(`?lang=${wanted}`);
  return true;
}

async function findPlace(ask, settle) {
  const answer = await ask('GET', 'me');
  if (answer.ok) settle(await answer.json());
  else if (answer.status === 401) keep.set('place', null);
}

export async function begin(ask, settle) {
  beKnown();
  if (otherLanguage()) return;
  if (keep.get('place')) await findPlace(ask, settle).catch(() => {});
}
