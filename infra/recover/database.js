// database.js: what may befall PostgreSQL, and how it comes back. Each case sells, breaks, restores by `recover`, and
// sells again; then what visitors were answered is compared with the books.
//
//   -> {lost: [what was answered and is gone], rpoMs, rtoMs, findings: [what should not be], told: [lines about it]}
//
// Two kinds. Where nothing may be lost, visitors stay through all of it, and whatever they find wrong is a finding. Where
// something is lost by what the case is about, they go when it breaks, others come afterwards, and what is gone has
// to be named by the product: by its reconciliation as to money, by `recover lost` for the people who settle it.

import { join } from 'node:path';
import { audit } from '../../loadtest/lib/audit.js';
import { until } from '../../tests/lib-js/wait.js';
import { Visitors } from '../ha/visitors.js';
import { ageOf, Record } from './record.js';

const BUYERS = { poll: 1, join: 0, picture: 0, hold: 1, buy: 2 };
// archive_timeout is ten seconds. A server that nobody wakes after a restore thinks of it after five minutes.
const ARCHIVED_MS = 150_000;
const ENOUGH = 4; // sales before it breaks
const LISTED = 20; // of a kind, by reconciliation
const NAMED_MS = 300_000; // reconciliation leaves everything two minutes to agree, and runs each minute

export function come(place, many = BUYERS, event = place.event) {
  const record = new Record();
  const visitors = new Visitors({ visitors: place.visitors, event, users: () => place.users(), record: record.note });
  visitors.come(many);
  return { record, visitors };
}

const gone = async (place) => {
  await place.kill('postgres');
  const at = Date.now();
  return at;
};

async function open(place) {
  place.begin('postgres');
  await place.databaseOpen();
  const opened = Date.now();
  await place.serving();
  await place.recover('opened');
  return opened;
}

// ---- nothing may be lost ------------------------------------------------------------------------------

// `broken`: what is done to the database and for it, until it may be started again.
async function lossless(place, broken) {
  const { record, visitors } = come(place);
  await record.until('tickets', ENOUGH);
  const at = await gone(place);
  await broken();
  const opened = await open(place);
  await record.until('order', 1, opened);
  const rtoMs = record.of('order', opened)[0].at - at;
  const archived = place.archived();
  await record.until('tickets', ENOUGH, opened);
  await until('WAL to be archived by its time', () => place.archived() > archived, { timeoutMs: ARCHIVED_MS, everyMs: 500 });
  await visitors.go();
  const lost = await record.lost(place);
  return { lost, rpoMs: ageOf(lost, at), rtoMs, findings: [...visitors.findings, ...lost.map(({ what, order }) => `${what} ${order} was answered and is gone`)], told: [] };
}

const dataGone = (place) => lossless(place, async () => {
  place.wipeData();
  await place.recover('restore');
});

async function machineGone(place) {
  const received = await place.receive();
  return lossless(place, async () => {
    place.wipeDatabase();
    await place.recover('restore', '--wal', received);
  });
}

// Of a table that somebody has emptied: the rest goes on, and its rows come from a copy beside.
async function tableEmptied(place) {
  const { record, visitors } = come(place);
  await record.until('tickets', ENOUGH);
  const moment = place.stack.sql('payment_adapter', 'BEGIN; LOCK TABLE pay.ticket IN EXCLUSIVE MODE; SELECT clock_timestamp(); DELETE FROM pay.ticket; COMMIT');
  const at = Date.now();
  await record.until('tickets', ENOUGH, at); // it is a while until somebody sees it
  const segment = place.stack.sql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
  await until('the archive to have that moment', () => place.archived() >= segment, { everyMs: 250 });
  const copy = join(place.owned(`beside-${place.folders += 1}`), 'data');
  await place.recover('restore', '--to', moment, '--into', copy);
  const rows = await place.beside(copy, (psql) => psql('payment_adapter', '-c', 'COPY pay.ticket TO STDOUT'));
  place.load('payment_adapter', 'pay.ticket', rows);
  const rtoMs = Date.now() - at;
  await visitors.go();
  const lost = await record.lost(place);
  return { lost, rpoMs: ageOf(lost, at), rtoMs, findings: [...visitors.findings, ...lost.map(({ what, order }) => `${what} ${order} was answered and is gone`)], told: [`${rows.trim().split('\n').length} tickets put back, while the sale went on`] };
}

// ---- something is lost --------------------------------------------------------------------------------

// Kinds of drift that reconciliation names after it: {kind: [order or the shop's id]}.
async function drift(place) {
  await place.admin('pay').post('/admin/reconcile', { body: {} });
  const { items } = (await place.admin('pay').get('/admin/reconcile')).json;
  return items;
}

// The provider's own ledger against the orders that are there.
async function money(place) {
  const { captured, refunded } = (await place.admin('psp').get('/control/ledger')).json.currencies.krw;
  const [{ owed }] = place.rows('payment_adapter', "SELECT coalesce(sum(amount), 0)::bigint AS owed FROM pay.orders WHERE status = 'completed'");
  return captured - refunded === owed ? [] : [`the provider has ${captured - refunded}, completed orders say ${owed}`];
}

// What is lost is named by the product and settled by `recover lost`, and money is what the orders say.
export async function settle(place, lost) {
  const findings = [];
  const told = [];
  const paid = lost.filter(({ what }) => what === 'sold').map(({ order }) => order);
  const named = async () => {
    const items = await drift(place);
    return items.filter(({ kind }) => kind === 'money-without-order').length >= Math.min(paid.length, LISTED) && items;
  };
  const items = await until('reconciliation to name all money whose order is lost', named, { timeoutMs: NAMED_MS, everyMs: 2000 });
  told.push(`reconciliation names ${items.filter(({ kind }) => kind === 'money-without-order').length} payments without an order (money-without-order), and ${items.filter(({ kind }) => kind === 'unknown-at-shop').length} orders that only the shop has (unknown-at-shop)`);
  const complete = async () => {
    const said = await place.recover('lost').catch((error) => error.said);
    return /left to settle$/m.test(said) ? said : drift(place).then(() => false);
  };
  const listed = await until('recover lost to have a complete list', complete, { timeoutMs: NAMED_MS, everyMs: 2000 });
  for (const order of paid) if (!listed.includes(order)) findings.push(`recover lost does not name ${order}`);
  const said = await place.recover('lost', '--settle', /^digest (.+)$/m.exec(listed)[1]);
  told.push(`recover lost --settle: ${said.trim().split('\n').at(-1)}`);
  await until('reconciliation to find no difference', async () => (await drift(place)).length === 0, { timeoutMs: NAMED_MS, everyMs: 2000 });
  told.push('reconciliation finds no difference any more');
  findings.push(...(await money(place)));
  return { findings, told };
}

async function lossy(place, strike, restore) {
  await place.recover('backup'); // what earlier cases did is not lost with this one
  const { record, visitors } = come(place);
  await record.until('tickets', ENOUGH);
  const undo = await strike(record);
  const at = await gone(place);
  const leaving = visitors.giveUp(); // some of them wait for an answer that does not come
  await restore(undo);
  const opened = await open(place);
  const others = come(place);
  await others.record.until('order', 1);
  const rtoMs = others.record.of('order')[0].at - at;
  await leaving;
  const lost = await record.lost(place);
  await others.record.until('tickets', ENOUGH);
  await others.visitors.go();
  const { findings, told } = await settle(place, lost);
  const later = await others.record.lost(place);
  findings.push(...others.visitors.findings, ...later.map(({ what, order }) => `${what} ${order}, answered after the restore, is gone`));
  if (opened < at) findings.push('it was open before it broke');
  return { lost, rpoMs: ageOf(lost, at), rtoMs, findings, told };
}

// The repository was out of reach, and then the machine was gone: what was written meanwhile is nowhere.
const archiveBehind = (place) => lossy(place, async (record) => {
  const giveBack = place.cutRepository();
  await record.until('tickets', ENOUGH, Date.now());
  return giveBack;
}, async (giveBack) => {
  giveBack();
  place.wipeDatabase();
  await place.recover('restore');
});

// All of it as it was before somebody dropped a table; what was sold between is lost with the mistake.
const tableDropped = (place) => {
  let moment;
  return lossy(place, async (record) => {
    moment = place.stack.sql('payment_adapter', 'SELECT clock_timestamp()');
    await record.until('sold', 1, Date.now()); // the last ones that are sold before it
    place.stack.sql('payment_adapter', 'DROP TABLE pay.ticket CASCADE');
    const segment = place.stack.sql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
    await until('the archive to have that moment', () => place.archived() >= segment, { everyMs: 250 });
  }, () => place.recover('restore', '--to', moment));
};

// Everybody's books, after what may lose nothing: a case that lets an order without money stand would be found here.
async function books(place) {
  const found = await audit(place, place.event);
  return { lost: [], rpoMs: 0, rtoMs: 0, findings: found.findings, told: [`${found.completed} orders, ${found.seats} seats, ${found.captured} captured, ${found.inShop} in the shop`] };
}

export const CASES = [
  { name: 'database: its folder is gone, WAL has a disk of its own', promise: 'nothing is lost', run: dataGone },
  { name: 'database: the machine is gone, WAL was received elsewhere', promise: 'nothing is lost', run: machineGone },
  { name: 'database: somebody emptied a table, copy beside', promise: 'nothing is lost', run: tableEmptied },
  { name: 'books after these', promise: 'all agree', run: books },
  { name: 'database: the machine is gone, the archive was behind', promise: 'what is lost is named and settled', run: archiveBehind },
  { name: 'database: somebody dropped a table, back to before', promise: 'what is lost is named and settled', run: tableDropped },
];
