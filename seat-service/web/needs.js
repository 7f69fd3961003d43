// needs.js: unlocks reserved seats: accessible ones for visitors who say that they need them, and those of a channel
// for visitors who know its code.

import { byId, call, event, info, kept, locale, path, Refused, say, sayError, serverNow } from './hall.js';
import { refuse } from './visit.js';

export const needs = {}; // {access, code}: sent with each hold
let channel = null; // the channel that the code unlocks
let onChange = () => {};

export const opened = () => channel;

export function setAccess(on) {
  byId('access').checked = on;
  if (on) needs.access = true;
  else delete needs.access;
}

const codeKept = kept(`fg-code-${event}`, 'sessionStorage');

// Checks the code before a seat depends on it.
async function checkCode() {
  const code = byId('code').value.trim();
  const notice = byId('code-told');
  delete needs.code;
  channel = null;
  try {
    const { channel: opens, name, on_sale_at: at } = await call('POST', `${path}/codes`, { code });
    needs.code = code;
    channel = opens;
    const early = at && Date.parse(at) > serverNow();
    notice.textContent = early ? say('needs.code-early', name, new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }).format(Date.parse(at))) : say('needs.code-good', name);
    codeKept.set(code);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) return refuse(error, checkCode);
    notice.textContent = error.code === 'code-unknown' ? say('needs.code-wrong') : sayError(error);
    if (error.code === 'code-unknown') codeKept.set(null);
  }
  byId('code').setAttribute('aria-invalid', String(channel === null));
  onChange();
}

function restoreCode() {
  const code = codeKept.get();
  if (!info.codes || !code) return;
  byId('code').value = code;
  checkCode();
}

// `changed` is called when more or fewer seats may be available than before.
export function askNeeds(changed) {
  onChange = changed;
  setAccess(byId('access').checked); // it may have been ticked before this script was loaded
  byId('access').addEventListener('change', () => setAccess(byId('access').checked));
  byId('code-form').querySelector('button').disabled = false;
  byId('code-form').addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    checkCode();
  });
  restoreCode();
}
