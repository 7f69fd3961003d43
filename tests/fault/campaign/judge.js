// Checks the invariants of tests/sim/invariants.h after a fault. Findings come from the crowd's checks, the audit of the
// books, the checker of histories, the reconciliation and the final state of each process. Each finding has a name that
// belongs to one invariant.

import { readdirSync, readFileSync } from 'node:fs';
import { audit } from '../../../loadtest/lib/audit.js';
import { factsOf } from '../../history/books.js';
import { shortly } from '../../history/check.js';
import { delay, until } from '../../lib-js/index.js';
import { EVENT, OURS } from './sale.js';

export const INVARIANTS = {
  I1: 'a seat has at most one owner, and at most one valid ticket',
  I2: 'of each order, captured less refunded is the price of what is sold to it',
  I3: 'what was answered survives',
  I4: 'once faults stop, everything ends or is parked with an alarm, within its bound',
  I5: 'memory, files, queues and retries are bounded, and nobody is busy with nothing',
  I6: 'nobody enters except by the rules, positions never get worse, rate and slots are kept',
  I7: 'the shop has each paid order once',
  alive: 'no program ends but by the fault, and none answers what it may not',
};

const NAMES = {
  I1: ['two-owners', 'not-at-once', 'tickets', 'too-many-seats'],
  I2: ['over-captured', 'over-refunded', 'sum', 'seats', 'reconciliation'],
  I3: ['gone-early', 'ticket-without-seat', 'sold-and-lost', 'given-back-sold', 'paid-no-ticket', 'told', 'told-orders', 'told-money', 'changed'],
  I4: ['no-end', 'refused-for-nobody', 'too-wide', 'few-placed', 'few-passed', 'few-done', 'left-waiting', 'turned-away', 'half-done', 'open', 'stuck-hold', 'not-judged', 'not-ready', 'shop-waits', 'nothing-sold', 'reconciliation-cannot'],
  I5: ['memory', 'files', 'retries', 'busy'],
  I6: ['two-places', 'order-of-joins', 'jump', 'uncalled-pass', 'two-visits', 'rate', 'too-many-inside', 'ahead-rose', 'trick'],
  I7: ['shop', 'shop-refused'],
  alive: ['failed', 'died'],
};
// Findings that are ignored: a broken part loses answers, and no estimate foresees that. Only the retries must succeed.
export const EXPECTED = ['lost-answers', 'eta'];
const invariantOf = new Map(Object.entries(NAMES).flatMap(([invariant, names]) => names.map((name) => [name, invariant])));

const BOUNDS = { rssMb: 256, files: 400, tries: 100, busyShare: 0.5 };
const REST_MS = 120_000;
const LOOK_MS = 1000;

const nameOf = (finding) => finding.split(/[: ]/)[0];

export function invariantFor(finding) {
  const found = invariantOf.get(nameOf(finding));
  if (found === undefined) throw new Error(`a finding of no invariant: ${finding}`);
  return found;
}

// -> {found: {I1: [text], ...}, books, restMs}
export async function judge(sale, crowd) {
  const began = Date.now();
  const findings = [];
  await sale.allReady().catch((error) => findings.push(`not-ready: ${error.message}`));
  const claimed = crowd.judged(['--seats-max', '4']);
  findings.push(...claimed.found.filter((text) => !EXPECTED.includes(nameOf(text))));
  const books = await audit(sale.stack, EVENT, { settleMs: REST_MS, claimed });
  findings.push(...books.findings, ...books.notJudged.map((text) => `not-judged: ${text}`));
  if (books.toShop > 0) findings.push(`shop-waits: ${books.toShop} orders are still on their way to the shop`);
  findings.push(...await reconciled(sale), ...await bounded(sale));
  findings.push(...sale.stack.findings().map(({ what, text }) => `died: ${what}\n${text}`));
  const found = Object.fromEntries(Object.keys(INVARIANTS).map((name) => [name, []]));
  for (const finding of findings) found[invariantFor(finding)].push(finding);
  const history = crowd.history(await factsOf(sale.stack, EVENT));
  for (const one of history.found) found[one.invariant].push(`history: ${shortly(one)}`);
  for (const wide of history.wide) found.I4.push(`not-judged: history: ${wide}`);
  const { completed, seats, captured } = books;
  return { found, books: { completed, seats, captured }, history: history.judged, restMs: Date.now() - began };
}

async function reconciled(sale) {
  const pay = sale.stack.admin('pay');
  try {
    const { items } = await until('a reconciliation that reaches everybody', async () => {
      const { status, json } = await pay.post('/admin/reconcile', { timeoutMs: 30_000 });
      return status === 200 && json.not_reached.length === 0 && json;
    }, { timeoutMs: REST_MS, everyMs: 500 });
    return items.map((item) => `reconciliation: ${JSON.stringify(item)}`);
  } catch (error) {
    return [`reconciliation-cannot: ${error.message}`];
  }
}

const ticksOf = (pid) => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
};

async function bounded(sale) {
  const findings = [];
  const pids = OURS.map((part) => [part, sale.stack.pid(part)]).filter(([, pid]) => pid !== null);
  const before = new Map(pids.map(([part, pid]) => [part, ticksOf(pid)]));
  await delay(LOOK_MS);
  for (const [part, pid] of pids) {
    const rssMb = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
    if (rssMb > BOUNDS.rssMb) findings.push(`memory: ${part} has ${rssMb.toFixed(0)} MB`);
    const files = readdirSync(`/proc/${pid}/fd`).length;
    if (files > BOUNDS.files) findings.push(`files: ${part} has ${files} open`);
    const share = (ticksOf(pid) - before.get(part)) * 10 / LOOK_MS;
    if (share > BOUNDS.busyShare) findings.push(`busy: ${part} takes ${share.toFixed(2)} of a processor without any visitor`);
  }
  const tries = Number(sale.stack.sql('payment_adapter', 'SELECT coalesce(max(tries), 0) FROM pay.saga'));
  if (tries > BOUNDS.tries) findings.push(`retries: a step was tried ${tries} times`);
  return findings;
}
