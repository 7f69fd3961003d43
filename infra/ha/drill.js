// drill.js [WORDS]: `make ha-drill`. The whole set, a few visitors who never give up, and each fault of faults.js in turn:
// broken for some seconds, repaired, and the next one when everything has its spare again. One row each:
//
//   fault | longest wait for an answer, of the line and of the sale, retries included | what took over, how soon | load
//
// A busy machine is slower. The load is how long a known step mostly takes while a fault lasts, relative to the fastest before
// the first; each limit is multiplied by it.
//
// Then the visitors leave, and the books are checked: no seat sold twice, money equal, every paid order in the shop. Exits
// with 1 if a visitor got a wrong answer, if the books do not agree, or if a wait was longer than its limit. WORDS: only
// faults with matching names ("power off", "Redis|etcd").

import { execFileSync, fork } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { audit } from '../../loadtest/lib/audit.js';
import { ROOT } from '../../tests/lib-js/service.js';
import { delay, until, within } from '../../tests/lib-js/wait.js';
import { faults } from './faults.js';
import { Site } from './site.js';

const BROKEN_MS = 9_000; // longer than any takeover but PostgreSQL's
const BROKEN_MAX_MS = 30_000;
const AFTER_MS = 2_000;
const WHOLE_MS = 120_000;
const CALM_MS = 60_000;
const ALL_MS = 40 * 60_000;
const HOLD_MS = 60_000;
const THE_LINE = ['me', 'join', 'pass'];
const STEPS = ['order', 'to be payable', 'tickets']; // of an order
const STEPS_MEASURED = 100;
const OUT = join(ROOT, 'build/ha');

const say = (text = '') => process.stdout.write(`${text}\n`);
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

const site = new Site();
let ended = false;
function end(status) {
  if (ended) return;
  ended = true;
  if (status !== 0) keepLogs();
  site.close();
  process.exit(status);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(1));
process.on('uncaughtException', (error) => {
  process.stderr.write(`ha-drill: ${error.stack}\n`);
  end(1);
});
setTimeout(() => {
  process.stderr.write('ha-drill: it does not come to an end\n');
  end(1);
}, ALL_MS).unref();

// Keeps the logs of the machines.
function keepLogs() {
  rmSync(join(OUT, 'logs'), { recursive: true, force: true });
  for (const { name, dir } of site.lan.machines.values()) {
    mkdirSync(join(OUT, 'logs', name), { recursive: true });
    for (const file of readdirSync(dir).filter((each) => each.endsWith('.log'))) copyFileSync(join(dir, file), join(OUT, 'logs', name, file));
  }
  say(`logs: ${join(OUT, 'logs')}`);
}

// The visitors' process: each request gets an answer.
class Crowd {
  constructor() {
    this.child = fork(new URL('./crowd.js', import.meta.url).pathname, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }

  ask(message, timeoutMs = 10_000) {
    const answer = new Promise((resolve) => this.child.once('message', resolve));
    this.child.send(message);
    return within(timeoutMs, 'the visitors to say', answer);
  }
}

// What every takeover consists of: a process that starts, and a disk that has written.
function stepMs() {
  const from = performance.now();
  execFileSync('dd', ['if=/dev/zero', `of=${join(site.dir, 'step')}`, 'bs=8k', 'count=4', 'conv=fsync'], { stdio: 'ignore' });
  return performance.now() - from;
}

// Watches which machines take over, and how soon, until the result is read.
function watch(before, from) {
  const taken = {};
  const steps = [];
  let stop = false;
  const job = (async () => {
    while (!stop) {
      steps.push(stepMs());
      const now = await site.roles();
      for (const [role, who] of Object.entries(now)) {
        if (who !== null && !who.includes('+') && who !== before[role] && !taken[role]) taken[role] = { who, ms: Date.now() - from };
      }
      await delay(50);
    }
  })();
  return {
    taken,
    async over() {
      stop = true;
      await job;
      return steps.sort((a, b) => a - b)[steps.length >> 1];
    },
  };
}

// The longest of these waits, as "1.2 s (hold)".
function worst(longest, wanted) {
  const found = Object.values(longest).filter(({ what }) => wanted(what)).sort((a, b) => b.ms - a.ms)[0];
  return found ?? { ms: 0, what: '-', said: [] };
}

// Which machine has each role, once each role is at exactly one. A machine that answers late is queried again.
const settled = () => until('each role to be at one machine', async () => {
  const roles = await site.roles();
  return Object.values(roles).every((who) => who !== null && !who.includes('+')) && roles;
}, { timeoutMs: WHOLE_MS });

async function strike(crowd, make, quietMs) {
  const before = await settled();
  const fault = make(before);
  const from = Date.now();
  const watching = watch(before, from);
  const mend = fault.strike(site, before);
  await delay(Math.max(BROKEN_MS, fault.brokenMs));
  while (fault.role !== null && !watching.taken[fault.role] && Date.now() - from < BROKEN_MAX_MS && fault.name.match(/power off|cut off|not heard|stop/)) await delay(200);
  const mendedAt = Date.now();
  await mend();
  let spare = null;
  await site.whole(WHOLE_MS).catch((error) => { spare = error.message; });
  const wholeMs = Date.now() - mendedAt;
  await delay(AFTER_MS);
  // Requests that still wait belong to this fault, not to the next one.
  for (const until = Date.now() + CALM_MS; Date.now() < until && (await crowd.ask({ waiting: true })).ms > 1000;) await delay(200);
  const load = Math.max(1, (await watching.over()) / quietMs);
  const { longest, findings } = await crowd.ask({ longest: [from, Date.now()] });
  const line = worst(longest, (what) => THE_LINE.includes(what));
  const sale = worst(longest, (what) => !THE_LINE.includes(what));
  const took = fault.role === null ? '-' : watching.taken[fault.role];
  const over = took === '-' ? '-' : took === undefined ? 'itself, started again' : `${took.who}, ${seconds(took.ms)}`;
  return { name: fault.name, bar: fault.bar, stepsBar: fault.stepsBar, load, line, sale, over, wholeMs, spare, findings, longest };
}

const isLate = ({ longest, bar, stepsBar, load }) => Object.values(longest).some(({ what, ms }) => ms > load * (STEPS.includes(what) ? stepsBar : bar));

const pad = (text, width) => String(text).padEnd(width);
const cell = ({ ms, what }) => `${seconds(ms)} (${what})`;
function tell(row) {
  const late = isLate(row) ? `  MORE THAN ${seconds(row.bar)}, OR ${seconds(row.stepsBar)} FOR A STEP` : '';
  say(`| ${pad(row.name, 46)} | ${pad(cell(row.line), 14)} | ${pad(cell(row.sale), 22)} | ${pad(row.over, 22)} | ${pad(seconds(row.wholeMs), 7)} | ${pad(row.load.toFixed(1), 4)} |${late}`);
  for (const finding of row.findings) say(`  FOUND: ${finding}`);
  if (row.spare !== null) say(`  not whole again: ${row.spare}`);
}

const come = (crowd) => crowd.child.send({ come: { visitors: site.visitors, event: site.event, users: site.users() } });

// The visitors leave, and the books are checked.
async function judged(crowd) {
  const { findings, bought } = await crowd.ask({ go: true }, 120_000);
  const claimed = { tickets: bought.length, paid: bought.reduce((sum, { paid }) => sum + paid, 0), held_until_ms: Date.now() + HOLD_MS };
  const found = await audit(site, site.event, { claimed });
  say(`books: ${found.completed} orders, ${found.seats} seats, ${found.captured} captured, ${found.inShop} in the shop, ${found.toShop} on their way to it`);
  for (const what of found.notJudged) say(`not judged: ${what}`);
  const { displaced } = await crowd.ask({ displaced: true }, 120_000);
  return [...findings, ...found.findings, ...displaced.map(({ position, said }) => `place ${position} is now ${said}`)];
}

async function drill(words) {
  const quietMs = Math.min(...Array.from({ length: STEPS_MEASURED }, stepMs));
  say(`bringing up ${site.dir} ...`);
  await site.open();
  const crowd = new Crowd();
  come(crowd);
  await delay(5_000);
  const calm = (await crowd.ask({ longest: [Date.now() - 3_000, Date.now()] })).longest;
  say(`nothing broken: the longest wait was ${cell(worst(calm, () => true))}\n`);
  say(`| ${pad('fault', 46)} | ${pad('the line', 14)} | ${pad('the sale', 22)} | ${pad('taken over by, after', 22)} | whole   | load |`);
  say(`|${[46, 14, 22, 22, 7, 4].map((width) => '-'.repeat(width + 2)).join('|')}|`);
  const rows = [];
  for (const make of faults()) {
    if (!new RegExp(words).test(make(await settled()).name)) continue;
    const row = await strike(crowd, make, quietMs);
    rows.push(row);
    tell(row);
    if (row.spare !== null) break; // another fault would hit a system without spares
  }
  say();
  const findings = await judged(crowd);
  for (const row of rows) if (row.spare !== null) findings.push(`${row.name}: ${row.spare}`);
  const late = rows.filter(isLate);
  const slow = rows.filter((row) => Math.max(row.line.ms, row.sale.ms) > 2_000);
  for (const finding of findings) say(`FOUND: ${finding}`);
  mkdirSync(OUT, { recursive: true });
  writeFileSync(join(OUT, 'drill.json'), `${JSON.stringify({ at: new Date().toISOString(), calm, rows, findings }, null, 1)}\n`);
  say(`${rows.length} faults: ${rows.length - slow.length} cost nobody more than 2 s, ${slow.length} did, ${late.length} of them more than their bar; ${findings.length} FOUND; ${OUT}/drill.json`);
  say(`${rows.length - late.length} passed, ${late.length + findings.length} failed`);
  return findings.length === 0 && late.length === 0 && rows.length > 0;
}

drill(process.argv.slice(2).join(' ')).then((good) => end(good ? 0 : 1), (error) => {
  process.stderr.write(`ha-drill: ${error.stack}\n`);
  end(1);
});
