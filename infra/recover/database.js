// database.js: failures of PostgreSQL, and recovery from them. Each case sells, breaks, restores by `recover`, and sells
// again; then the answers to visitors are compared with the books.
//
//   -> {lost: [acknowledged things that are gone], rpoMs, rtoMs, findings: [errors], told: [lines about the case]}
//
// There are two kinds. If nothing may be lost, visitors stay throughout, and any error they see is a finding. If the case
// must lose something, the visitors leave when it breaks and others come afterwards. The product must then name what is
// gone: its reconciliation as to money, `recover lost` for the people who settle it.

import { join } from 'node:path';
import { audit } from '../../loadtest/lib/audit.js';
import { until } from '../../tests/lib-js/wait.js';
import { Visitors } from '../ha/visitors.js';
import { ageOf, Record } from './record.js';

const BUYERS = { poll: 1, join: 0, picture: 0, hold: 1, buy: 2 };
// archive_timeout is ten seconds, but an idle server checks it only five minutes after a restore.
const ARCHIVED_MS = 150_000;
const ENOUGH = 4; // sales before the failure
const LISTED = 20; // of each kind, by reconciliation
const NAMED_MS = 300_000; // reconciliation waits two minutes for everything to agree, and runs each minute

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

// `broken`: breaks the database and repairs it, up to the moment when it may be started again.
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

// A table was emptied: the rest keeps running, and its rows come from a copy restored next to it.
async function tableEmptied(place) {
  const { record, visitors } = come(place);
  await record.until('tickets', ENOUGH);
  const moment = place.stack.sql('payment_adapter', 'BEGIN; LOCK TABLE pay.ticket IN EXCLUSIVE MODE; SELECT clock_timestamp(); DELETE FROM pay.ticket; COMMIT');
  const at = Date.now();
  await record.until('tickets', ENOUGH, at); // it takes a while until somebody notices
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

// The kinds of drift that reconciliation reports afterwards: {kind: [order or the shop's id]}.
async function drift(place) {
  await place.admin('pay').post('/admin/reconcile', { body: {} });
  const { items } = (await place.admin('pay').get('/admin/reconcile')).json;
  return items;
}

// The provider's own ledger against the existing orders.
async function money(place) {
  const { captured, refunded } = (await place.admin('psp').get('/control/ledger')).json.currencies.krw;
  const [{ owed }] = place.rows('payment_adapter', "SELECT coalesce(sum(amount), 0)::bigint AS owed FROM pay.orders WHERE status = 'completed'");
  return captured - refunded === owed ? [] : [`the provider has ${captured - refunded}, completed orders say ${owed}`];
}

// The product names the losses and `recover lost` settles them; afterwards money equals the orders.
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
  await place.recover('backup'); // so that this case does not lose the work of earlier ones
  const { record, visitors } = come(place);
  await record.until('tickets', ENOUGH);
  const undo = await strike(record);
  const at = await gone(place);
  const leaving = visitors.giveUp(); // some wait for an answer that never comes
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

// The repository was unreachable, and then the machine was lost: whatever was written meanwhile is gone.
const archiveBehind = (place) => lossy(place, async (record) => {
  const giveBack = place.cutRepository();
  await record.until('tickets', ENOUGH, Date.now());
  return giveBack;
}, async (giveBack) => {
  giveBack();
  place.wipeDatabase();
  await place.recover('restore');
});

// Restores everything to the moment before a table was dropped; later sales are lost, too.
const tableDropped = (place) => {
  let moment;
  return lossy(place, async (record) => {
    moment = place.stack.sql('payment_adapter', 'SELECT clock_timestamp()');
    await record.until('sold', 1, Date.now()); // the last sales before the mistake
    place.stack.sql('payment_adapter', 'DROP TABLE pay.ticket CASCADE');
    const segment = place.stack.sql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
    await until('the archive to have that moment', () => place.archived() >= segment, { everyMs: 250 });
  }, () => place.recover('restore', '--to', moment));
};

// Compares all books after the lossless cases: an order without money would be found here.
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
