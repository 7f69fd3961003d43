// codes.js: the presale codes of an event: how many each lane and channel has, and how many are unused. Loads a list of
// codes from a file or a field. The service stores only digests, so no code is ever shown again. A list is checked line
// by line before it is sent, in parts. Loading it again is harmless: a code that already exists keeps its count of
// uses.

import { call, get, withReason } from './api.js';
import { byId, make, say } from './kit.js';
import { blame, button, confirmed, fieldOf, guarded, number, saving, scrollBox, show, tableOf, taken } from './ui.js';

const PART = 1000; // codes per call
const FAULTS_SHOWN = 10;
const USES_MAX = 10_000_000;
const CHANNEL = /^[!#-[\]-~]{0,32}$/;
const [SHORTEST, LONGEST] = [4, 64];

// Normalises a code as the service does before the digest.
const plain = (line) => line.replace(/[\s-]/g, '').toUpperCase();

// One code per line -> {codes, faults: [{line, why}], twice}; skips empty lines.
function readCodes(text) {
  const seen = new Set();
  const faults = [];
  let twice = 0;
  text.split(/\r\n|\r|\n/).forEach((row, n) => {
    const code = plain(row);
    if (code === '') return;
    const why = /[^!-~]/.test(code) ? 'sign' : code.length < SHORTEST ? 'short' : code.length > LONGEST ? 'long' : '';
    if (why !== '') faults.push({ line: n + 1, why });
    else if (seen.has(code)) twice += 1;
    else seen.add(code);
  });
  return { codes: [...seen], faults, twice };
}

export async function open(body, event) {
  const path = `/admin/events/${event.id}/codes`;
  const table = scrollBox(say('view.codes'), { id: 'codes-now' });
  const list = make('textarea', { id: 'codes-list', rows: 8, className: 'code', spellcheck: false, wrap: 'off', autocapitalize: 'characters', autocomplete: 'off', 'aria-describedby': 'codes-sum codes-faults' });
  const file = make('input', { id: 'codes-file', type: 'file', accept: '.txt,.csv,text/plain,text/csv' });
  const lane = make('select', { id: 'codes-lane' }, make('option', { value: 'general' }, say('lanes.general')), ...event.doc.lanes.map(({ id, name }) => make('option', { value: id }, name)));
  const channel = make('input', { id: 'codes-channel', maxLength: 32, autocomplete: 'off', autocapitalize: 'none', spellcheck: false });
  const uses = make('input', { id: 'codes-uses', type: 'number', min: 0, max: USES_MAX, value: 1, inputMode: 'numeric', required: true });
  const sum = make('p', { id: 'codes-sum', className: 'small' });
  const faults = make('ul', { id: 'codes-faults', className: 'wrong' });
  const applied = make('p', { id: 'applied', role: 'status' });
  const nameOf = (id) => event.doc.lanes.find((one) => one.id === id)?.name ?? (id === 'general' ? say('lanes.general') : id);

  // ---- what there is ----

  function showNow(groups) {
    if (!table.isConnected) return; // the operator left the view
    byId('codes-none').hidden = groups.length > 0;
    byId('codes-drop').hidden = groups.length === 0;
    table.hidden = groups.length === 0;
    const heads = ['codes.lane', 'codes.channel', 'codes.codes', 'codes.used', 'codes.left'].map((key) => say(key));
    const inOrder = [...groups].sort((a, b) => nameOf(a.lane).localeCompare(nameOf(b.lane)) || (a.channel ?? '').localeCompare(b.channel ?? ''));
    const row = (group) => make('tr', {}, make('th', { scope: 'row' }, nameOf(group.lane)), make('td', {}, group.channel ?? '–'),
      ...[group.codes, group.used, Math.max(0, group.uses - group.used)].map((value) => make('td', {}, number(value))));
    show(table, tableOf(heads, inOrder.map(row)));
  }

  const read = async () => showNow((await get('queue', path)).codes);

  // ---- the list ----

  function judge() {
    const found = readCodes(list.value);
    const rest = found.faults.length - FAULTS_SHOWN;
    faults.replaceChildren(...found.faults.slice(0, FAULTS_SHOWN).map(({ line, why }) => make('li', {}, say(`codes.wrong-${why}`, number(line)))),
      ...(rest > 0 ? [make('li', {}, say('codes.wrong-more', number(rest)))] : []));
    list.toggleAttribute('aria-invalid', found.faults.length > 0);
    if (found.faults.length > 0) list.setAttribute('aria-invalid', 'true');
    sum.textContent = list.value === '' ? '' : found.twice > 0 ? say('codes.sum-twice', number(found.codes.length), number(found.twice)) : say('codes.sum', number(found.codes.length));
    return found;
  }

  function judgeRest() {
    const count = Number(uses.value);
    const whole = uses.value !== '' && Number.isInteger(count) && count >= 0 && count <= USES_MAX;
    const good = blame(uses, whole ? '' : say('rule.range', number(0), number(USES_MAX)));
    return blame(channel, CHANNEL.test(channel.value) ? '' : say('codes.wrong-channel')) && good;
  }

  file.addEventListener('change', guarded(async () => {
    if (file.files.length === 0) return;
    list.value = await file.files[0].text();
    judge();
    list.focus();
  }));

  // ---- loading ----

  async function send(codes) {
    const headers = withReason(event.why());
    const same = { lane: lane.value, uses: Number(uses.value), ...(channel.value === '' ? {} : { channel: channel.value }) };
    for (let done = 0; done < codes.length; done += PART) {
      applied.textContent = say('codes.loading', number(done), number(codes.length));
      try {
        const { json } = await call('queue', 'PUT', path, { body: { ...same, codes: codes.slice(done, done + PART) }, headers });
        showNow(json.codes);
      } catch (error) {
        applied.textContent = say('codes.cut', number(done), number(codes.length));
        throw error;
      }
    }
  }

  async function load() {
    applied.textContent = '';
    const { codes, faults: bad } = judge();
    if (!judgeRest() || bad.length > 0) {
      form.querySelector('[aria-invalid]').focus();
      return;
    }
    if (codes.length === 0) {
      applied.textContent = say('codes.nothing');
      list.focus();
      return;
    }
    const emptied = [list, file].map(taken);
    await send(codes);
    for (const empty of emptied) empty();
    judge();
    const words = say('codes.loaded', number(codes.length), nameOf(lane.value));
    applied.textContent = words;
    event.said(words);
  }

  async function drop() {
    const sure = await confirmed({ title: say('codes.drop-title', event.doc.name), text: say('codes.drop-text'), yes: say('codes.drop'), word: event.id, why: { text: event.why(), needed: true } });
    if (!sure) return;
    const { json } = await call('queue', 'DELETE', path, { headers: withReason(sure.why) });
    showNow(json.codes);
    list.focus();
    event.said(say('codes.dropped'));
    applied.textContent = say('codes.dropped');
  }

  const form = make('form', { id: 'codes-form', noValidate: true, className: 'stack card' },
    make('h2', {}, say('codes.load')), make('p', { className: 'small' }, say('codes.load-help')),
    make('div', { className: 'field' }, make('label', { htmlFor: file.id }, say('codes.file')), file),
    make('div', { className: 'field' }, make('label', { htmlFor: list.id }, say('codes.list')), list, sum, faults),
    make('div', { className: 'field' }, make('label', { htmlFor: lane.id }, say('lanes.lane')), lane),
    fieldOf(uses, say('codes.uses'), say('codes.uses-help')), fieldOf(channel, say('codes.channel'), say('codes.channel-help')),
    make('div', { className: 'row' }, make('button', { className: 'main', id: 'codes-send' }, say('codes.send')), applied));
  form.addEventListener('submit', saving(load));
  list.addEventListener('input', judge);
  for (const input of [uses, channel]) input.addEventListener('input', judgeRest);

  const needed = event.doc.code_required || event.doc.lanes.some(({ code_required: coded }) => coded);
  body.replaceChildren(make('section', { className: 'stack card' }, make('h2', {}, say('view.codes')), make('p', { className: 'small' }, say(needed ? 'codes.help' : 'codes.help-unneeded')),
    make('p', { id: 'codes-none' }, say('codes.none')), table, button(say('codes.drop'), drop, { id: 'codes-drop', className: 'danger', hidden: true })), form);
  await read();
  let turns = 0;
  return {
    async refresh() {
      if (++turns % 3 === 0) await read();
    },
  };
}
