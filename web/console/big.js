// big.js: the control room's screen: the verdict and vital figures of one event, huge and dark, without controls. It
// keeps the screen awake if it can, and shows when its data is old.

import { make, say } from './kit.js';
import { force } from './scheme.js';
import { crowd } from './spark.js';
import { byVerdict, moment, number, show, zoneName } from './ui.js';
import { bandOf, vitals } from './vital.js';
import { watchOf } from './watch.js';

const SHOWN = ['waiting', 'pace', 'inside', 'seats', 'orders', 'money'];
const root = document.documentElement;

// A wake lock ends when the page is hidden, so it is requested again when the page is visible.
function keepAwake() {
  let lock = null;
  const ask = async () => {
    if (document.hidden) return;
    lock = await navigator.wakeLock?.request('screen').catch(() => null) ?? null; // refused, for example with a low battery
  };
  document.addEventListener('visibilitychange', ask);
  ask();
  return () => {
    document.removeEventListener('visibilitychange', ask);
    lock?.release();
  };
}

// As large as its number of characters allows.
function tile({ id, label, value, note, level }) {
  const figure = make('dd', { className: 'value' }, value);
  figure.style.setProperty('--signs', Math.max(4, value.length));
  return make('div', { id: `vital-${id}`, className: level === 'stale' ? 'vital stale' : 'vital' }, make('dt', {}, label), figure, make('dd', { className: 'note' }, note));
}

export async function open(main, [id]) {
  const watch = watchOf(id);
  const line = make('div', { id: 'verdict', role: 'status' });
  const tiles = make('dl', { id: 'vitals', className: 'vitals' });
  const people = make('p', { id: 'big-crowd' });
  const name = make('h1', {});
  const asOf = make('p', { id: 'as-of' });
  await watch.readDoc();
  main.replaceChildren(make('div', { id: 'big' }, make('div', { className: 'big-head' }, name, asOf), line, tiles, people, make('p', { id: 'big-foot' })));
  root.classList.add('is-big');
  force('dark');
  const sleep = keepAwake();
  const leaves = () => { if (document.fullscreenElement === null) location.hash = `#/events/${id}`; };
  document.addEventListener('fullscreenchange', leaves);

  function tell() {
    const { doc } = watch;
    const isLate = Date.now() - watch.readAt > 10_000;
    name.textContent = doc.name;
    show(asOf, make('span', { className: isLate ? 'late' : '' }, say('verdict.as-of', moment(new Date(watch.readAt)))), ` ${zoneName()}`);
    if (watch.live === null) return;
    const judged = watch.judged();
    line.className = `verdict ${judged.verdict.level}`;
    show(line, ...byVerdict(judged.verdict));
    show(tiles, ...vitals(watch, judged).filter((one) => SHOWN.includes(one.id)).sort((a, b) => SHOWN.indexOf(a.id) - SHOWN.indexOf(b.id)).map(tile));
    const { svg, each } = crowd(watch.live.waiting, watch.live.outstanding);
    show(people, svg);
    const end = judged.facts.forecast;
    document.getElementById('big-foot').textContent = `${say('big.dot', number(each))} ${['ends', 'grows'].includes(end.kind) ? `${say('plan.ends', bandOf(end))} ` : ''}${judged.found.length > 1 ? `${say('big.alarms', judged.found.length)} ` : ''}${say('big.leave')}`;
  }

  return {
    async refresh() {
      try {
        await watch.read();
      } finally {
        tell();
      }
    },
    close() {
      sleep();
      document.removeEventListener('fullscreenchange', leaves);
      force(null);
      root.classList.remove('is-big');
      if (document.fullscreenElement !== null) document.exitFullscreen();
    },
  };
}
