// draw.js: the draw. It shows what was promised before: the seed's hash, and the beacon chosen here. Then the beacon's
// value, which nobody could know, and the result, recomputed in this browser from the published values. With a public
// beacon the line draws and opens by itself once it has the value. Otherwise it takes one press.

import { get } from './api.js';
import { announce, make, say } from './kit.js';
import { button, confirmed, fact, moment, number, show, timeAt } from './ui.js';
import { commitmentOf, openDraw } from './draw-check.js';

const BEACON_MAX = 256;
const WORDS_MAX = 200;
const KINDS = ['drand', 'text', 'none'];
const OPEN = ['draft', 'scheduled', 'pre-queue']; // until entries close

// Lanes take no part in the draw.
const entriesOf = ({ live }) => (live?.general ?? live)?.issued ?? 0;

export async function open(body, event) {
  const beacon = make('input', { id: 'beacon', maxLength: BEACON_MAX, autocomplete: 'off' });
  const facts = make('dl', { id: 'draw', className: 'facts long' });
  const steps = make('ol', { className: 'steps' }, make('li', {}, say('draw.step-commit')), make('li', {}, say('draw.step-gather')), make('li', {}, say('draw.step-beacon')), make('li', {}, say('draw.step-press')));
  const kind = make('select', { id: 'beacon-kind' }, ...KINDS.map((name) => make('option', { value: name }, say(`draw.kind.${name}`))));
  const words = make('input', { id: 'beacon-words', maxLength: WORDS_MAX, autocomplete: 'off' });
  const late = make('input', { id: 'beacon-late', type: 'number', min: 5, max: 86400, inputMode: 'numeric' });
  const means = make('p', { className: 'small', id: 'beacon-means' });
  const promised = make('p', { id: 'promised', role: 'status' });
  const choice = make('section', { className: 'card stack', id: 'beacon-choice' });
  let shown = ''; // the promise shown in the fields
  const press = make('section', { className: 'card stack' });
  const result = make('section', { className: 'card stack', hidden: true });
  const verdict = make('p', { id: 'verdict', role: 'status' });
  const entry = make('input', { id: 'entry', type: 'number', min: 1, inputMode: 'numeric' });
  const where = make('p', { id: 'where', role: 'status' });
  let known = '';
  let draw = null;

  const explain = () => {
    means.textContent = say(`draw.means.${kind.value}`);
    words.parentElement.hidden = kind.value !== 'text';
    late.parentElement.hidden = kind.value === 'none';
  };
  kind.addEventListener('change', explain);
  choice.append(make('h2', {}, say('draw.choice')), make('label', { className: 'field' }, say('draw.beacon'), kind), means,
    make('label', { className: 'field' }, say('draw.words'), words), make('label', { className: 'field' }, say('draw.late'), late),
    button(say('draw.promise'), async () => {
      const of = { drand: {}, none: {}, text: { words: words.value.trim() } }[kind.value];
      await event.save({ beacon: { kind: kind.value, late_s: Number(late.value), ...of } });
      promised.textContent = say('draw.promised', say(`draw.kind.${kind.value}`));
      event.said(promised.textContent);
      await refresh();
    }, { id: 'act-promise' }), promised);

  const help = make('span', { className: 'small', id: 'beacon-help' });
  const asked = make('label', { className: 'field' }, say('draw.beacon'), beacon, help);
  press.append(make('h2', {}, say('draw.press-title')), asked, button(say('act.draw'), async () => {
    const text = beacon.value.trim();
    const sure = await confirmed({
      title: say('act.sure', say('act.draw'), event.doc.name), text: say('act.draw.means'),
      lines: [text === '' ? say('draw.no-beacon') : say('draw.with-beacon', text), say('draw.entries-now', number(entriesOf(event)))], yes: say('act.draw'), why: { text: event.why() },
    });
    if (!sure) return;
    await event.act('draw', text === '' ? {} : { beacon: text }, sure.why);
    await refresh();
  }, { id: 'act-draw', className: 'danger' }));
  result.append(make('h2', {}, say('draw.result')), verdict, make('label', { className: 'field' }, say('draw.entry'), entry), where);
  entry.addEventListener('input', () => {
    const n = Number(entry.value);
    const good = draw !== null && Number.isInteger(n) && n >= 1;
    where.textContent = good ? say('draw.position', number(n), number(draw.position(n))) : '';
  });

  async function verify(fairness) {
    if (!crypto.subtle) { // only a secure context may hash; a tunnel to localhost is secure
      verdict.textContent = say('draw.cannot-check');
      return;
    }
    const same = await commitmentOf(fairness.seed) === fairness.commitment;
    draw = fairness.entries > 0 ? await openDraw({ ...fairness, beacon: fairness.beacon ?? '' }) : null;
    verdict.className = same ? 'good' : 'wrong';
    verdict.textContent = say(same ? 'draw.fits' : 'draw.does-not-fit');
    announce(verdict.textContent);
  }

  // The promise in words, and how long its value is overdue.
  function promiseInWords({ promised: promise, closed_at: closed, drawn }) {
    if (!promise || promise.kind === 'none') return say('draw.kind.none');
    const parts = [say(`draw.kind.${promise.kind}`)];
    if (promise.round) parts.push(say('draw.round', promise.round));
    if (promise.words) parts.push(promise.words);
    if (promise.at) parts.push(say('draw.due', moment(promise.at)));
    if (promise.changes > 0) parts.push(say('draw.changes', number(promise.changes)));
    const overdue = Math.round((Date.now() - Date.parse(promise.at ?? closed)) / 1000);
    if (closed && !drawn && overdue > 5) parts.push(say('draw.overdue', number(overdue), number(promise.late_s)));
    return parts.join(', ');
  }

  async function refresh() {
    const fairness = await get('queue', `/admin/events/${event.id}/fairness`);
    const { promised: promise, closed_at: closed } = fairness;
    const isPublic = promise?.kind === 'drand';
    press.hidden = fairness.drawn || event.doc.state !== 'pre-queue' || isPublic;
    choice.hidden = !OPEN.includes(event.doc.state) || closed !== null;
    asked.hidden = promise?.kind !== 'text';
    help.textContent = promise?.words ?? '';
    waits.textContent = say(isPublic ? 'draw.waits-beacon' : 'draw.waits');
    // Typed text stays, unless the promise itself has changed.
    if (JSON.stringify(promise) !== shown) {
      shown = JSON.stringify(promise);
      // Nothing is promised yet: propose the best choice, which still takes a press.
      kind.value = promise?.kind ?? (event.doc.state === 'draft' ? 'drand' : 'none');
      words.value = promise?.words ?? '';
      late.value = promise?.late_s ?? 120;
      explain();
    }
    steps.hidden = fairness.drawn;
    result.hidden = !fairness.drawn;
    const hex = (value) => (value === null ? '–' : make('code', {}, value));
    show(facts, fact(say('draw.commitment'), hex(fairness.commitment)),
      fact(say('draw.promise-now'), promiseInWords(fairness)),
      ...(closed ? [fact(say('draw.closed'), timeAt(closed))] : []),
      ...(fairness.drawn ? [fact(say('draw.seed'), hex(fairness.seed)), fact(say('draw.beacon'), fairness.proof?.late ? make('strong', {}, say('draw.was-late')) : fairness.beacon || say('draw.none')), fact(say('draw.entries'), number(fairness.entries)), fact(say('draw.at'), timeAt(fairness.drawn_at))]
        : [fact(say(closed ? 'draw.entries' : 'draw.entries-now-label'), closed ? number(fairness.entries) : event.doc.state === 'pre-queue' ? number(entriesOf(event)) : '–')]));
    waits.hidden = fairness.drawn || (event.doc.state === 'pre-queue' && !isPublic);
    const now = JSON.stringify(fairness);
    if (fairness.drawn && now !== known) await verify(fairness);
    known = now;
  }

  const waits = make('p', { id: 'draw-waits' }, say('draw.waits'));
  await refresh();
  body.replaceChildren(make('section', { className: 'card' }, make('h2', {}, say('view.draw')), facts, steps, waits), choice, press, result);
  return { refresh };
}
