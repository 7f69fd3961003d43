// needs.js: unlocks reserved seats: accessible ones for visitors who say that they need them, and those of a channel
// for visitors who know its code.

import { byId, call, event, info, kept, needs, opened, path, Refused, say, sayError, serverNow, timeOf } from './hall.js';
import { refuse } from './visit.js';

let onChange = () => {};

export function setAccess(on) {
  byId('access').checked = on;
  if (on) needs.access = true;
  else delete needs.access;
  onChange();
}

const codeKept = kept(`fg-code-${event}`, 'sessionStorage');

// Checks the code before a seat depends on it.
async function checkCode() {
  const code = byId('code').value.trim();
  const notice = byId('code-told');
  delete needs.code;
  Object.assign(opened, { channel: null, opens: NaN });
  try {
    const { channel, name, on_sale_at: at } = await call('POST', `${path}/codes`, { code });
    needs.code = code;
    Object.assign(opened, { channel, opens: Date.parse(at) });
    notice.textContent = opened.opens > serverNow() ? say('needs.code-early', name, timeOf(at, info.time_zone)) : say('needs.code-good', name);
    codeKept.set(code);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) return refuse(error, checkCode);
    notice.textContent = error.code === 'code-unknown' ? say('needs.code-wrong') : sayError(error);
    if (error.code === 'code-unknown') codeKept.set(null);
  }
  byId('code').setAttribute('aria-invalid', String(opened.channel === null));
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
  setAccess(byId('access').checked); // it may have been ticked before this script was loaded
  onChange = changed;
  byId('access').addEventListener('change', () => setAccess(byId('access').checked));
  byId('code-form').querySelector('button').disabled = false;
  byId('code-form').addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    checkCode();
  });
  restoreCode();
}
