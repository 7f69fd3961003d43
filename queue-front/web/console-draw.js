// console-draw.js: the ceremony. What was promised before (the seed's hash), what nobody could know
// (the beacon), one press, and what came of it, computed again in this browser from what was published.

import { get } from './console-api.js';
import { announce, make, say } from './kit.js';
import { button, confirmed, fact, number, show, timeAt } from './console-ui.js';
import { commitmentOf, openDraw } from './draw-check.js';

const BEACON_MAX = 256;

export async function open(body, event) {
  const beacon = make('input', { id: 'beacon', maxLength: BEACON_MAX, autocomplete: 'off' });
  const facts = make('dl', { id: 'draw', className: 'facts long' });
  const steps = make('ol', { className: 'steps' }, make('li', {}, say('draw.step-commit')), make('li', {}, say('draw.step-gather')), make('li', {}, say('draw.step-beacon')), make('li', {}, say('draw.step-press')));
  const press = make('section', { className: 'card stack' });
  const result = make('section', { className: 'card stack', hidden: true });
  const verdict = make('p', { id: 'verdict', role: 'status' });
  const entry = make('input', { id: 'entry', type: 'number', min: 1, inputMode: 'numeric' });
  const where = make('p', { id: 'where', role: 'status' });
  let known = '';
  let draw = null;

  press.append(make('h2', {}, say('draw.press-title')), make('label', { className: 'field' }, say('draw.beacon'), beacon, make('span', { className: 'small' }, say('draw.beacon-help'))), button(say('act.draw'), async () => {
    const text = beacon.value.trim();
    const sure = await confirmed({
      title: say('act.sure', say('act.draw'), event.doc.name), text: say('act.draw.means'),
      lines: [text === '' ? say('draw.no-beacon') : say('draw.with-beacon', text), say('draw.entries-now', number(event.live?.issued ?? 0))], yes: say('act.draw'),
    });
    if (!sure) return;
    await event.act('draw', text === '' ? {} : { beacon: text });
    await refresh();
  }, { id: 'act-draw', className: 'main' }));
  result.append(make('h2', {}, say('draw.result')), verdict, make('label', { className: 'field' }, say('draw.entry'), entry), where);
  entry.addEventListener('input', () => {
    const n = Number(entry.value);
    const good = draw !== null && Number.isInteger(n) && n >= 1;
    where.textContent = good ? say('draw.position', number(n), number(draw.position(n))) : '';
  });

  async function verify(fairness) {
    if (!crypto.subtle) { // only pages of a safe origin may hash; a tunnel to localhost is one
      verdict.textContent = say('draw.cannot-check');
      return;
    }
    const same = await commitmentOf(fairness.seed) === fairness.commitment;
    draw = fairness.entries > 0 ? await openDraw({ ...fairness, beacon: fairness.beacon ?? '' }) : null;
    verdict.className = same ? 'good' : 'wrong';
    verdict.textContent = say(same ? 'draw.fits' : 'draw.does-not-fit');
    announce(verdict.textContent);
  }

  async function refresh() {
    const fairness = await get('queue', `/admin/events/${event.id}/fairness`);
    press.hidden = fairness.drawn || event.doc.state !== 'pre-queue';
    steps.hidden = fairness.drawn;
    result.hidden = !fairness.drawn;
    const hex = (value) => (value === null ? '–' : make('code', {}, value));
    show(facts, fact(say('draw.commitment'), hex(fairness.commitment)),
      ...(fairness.drawn ? [fact(say('draw.seed'), hex(fairness.seed)), fact(say('draw.beacon'), fairness.beacon || say('draw.none')), fact(say('draw.entries'), number(fairness.entries)), fact(say('draw.at'), timeAt(fairness.drawn_at))]
        : [fact(say('draw.entries-now-label'), event.doc.state === 'pre-queue' ? number(event.live?.issued ?? 0) : '–')]));
    waits.hidden = fairness.drawn || event.doc.state === 'pre-queue';
    const now = JSON.stringify(fairness);
    if (fairness.drawn && now !== known) await verify(fairness);
    known = now;
  }

  const waits = make('p', { id: 'draw-waits' }, say('draw.waits'));
  body.replaceChildren(make('section', { className: 'card' }, make('h2', {}, say('view.draw')), facts, steps, waits), press, result);
  await refresh();
  return { refresh };
}
