// report.js: a simulated sale in words, and the tables of infra/SCALE.md.

import { askOf } from './ask.js';
import { placedS as placedBySums, sizeOf } from './closed.js';
import { moneyOf, priced, yearOf } from './money.js';
import { neededFor } from './needed.js';
import { runSale } from './sale.js';

const grouped = (n) => Math.round(n).toString().replaceAll(/\B(?=(\d{3})+$)/g, ',');
const many = (n, one) => `${grouped(n)} ${one}${n === 1 ? '' : 's'}`;
const s = (value) => (value < 20 ? `${value.toFixed(1)} s` : `${grouped(value)} s`);
const gb = (bytes) => `${grouped(bytes / 1e9)} GB`;
const line = (cells) => `| ${cells.join(' | ')} |`;
const table = (head, rows) => [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');

// Finds the machines for the aim unless the input has them; then simulates the whole sale.
export function study(ask, aimS, given = false) {
  const found = given ? { ask, size: { edges: ask.edges, fronts: ask.fronts, shards: ask.shards, pays: ask.pays, after: ask } } : neededFor(ask, aimS);
  const sale = runSale(found.ask);
  return { aimS, ...found, sale, money: moneyOf(found.ask, found.size, sale), sums: placedBySums(found.ask) };
}

const counts = ({ edges, fronts, shards }) => `${many(edges, 'edge')}, ${many(fronts, 'front')}, ${many(shards, 'shard')}`;

const machines = ({ ask, size }) =>
  `${many(size.edges, 'edge')} of ${ask.edgeCores}, ${many(size.fronts, 'front')} of ${ask.frontCores}, ${many(size.shards, 'shard')}`;

const placed = ({ sale, ask }) => (sale.placedS === undefined ? `${grouped(ask.visitors - sale.still - sale.ends.neverSawThePage)}, the others never` : s(sale.placedS));

function breaksOf({ sale }) {
  return sale.breaks.map(({ name, atS, forS }) => `${name} from ${s(atS)} on, ${s(forS)} in all`);
}

const WAIT_NAMES = { page: 'the page', place: 'a place', call: 'the call', pass: 'a pass', hall: 'the hall', hold: 'held seats', login: 'a login', provider: 'the provider', ticket: 'the order' };

export function textOf(one) {
  const { ask, sale, size, money } = one;
  const { memory, peaks, ends, counts } = sale;
  const lines = [
    [`${grouped(ask.visitors)} visitors within ${s(ask.withinS)} (${ask.arrivals}), ${grouped(ask.seats)} seats, ${ask.ratePerS} called a second${ask.cdn ? ', behind a CDN' : ''}`],
    ['machines', machines(one), `owner and standby of the seats of ${ask.seatCores} cores`, `${many(size.pays, 'payment-adapter')} of ${ask.payCores}`],
    ['all have a place', `after ${placed(one)} (by sums ${s(one.sums.s)}: ${one.sums.name})`, ...(one.missed ? ['the aim is missed'] : [])],
    ['97 % are sold', sale.nearlyS === undefined ? 'never' : `after ${s(sale.nearlyS)}`],
    ['sold out', sale.soldOutS === undefined ? 'not' : `after ${s(sale.soldOutS)}`, `nobody is left after ${s(sale.endedS)}`, `the last order is at the shop, the last mail sent after ${s(sale.lettersS)}`],
    ['more than a second late', ...(sale.breaks.length > 0 ? breaksOf(one) : ['nothing'])],
    ['waits', ...Object.entries(sale.waits).filter(([, { most }]) => most > 0.3).map(([name, { p50, p99, most }]) => `for ${WAIT_NAMES[name]} ${s(p50)} (p99 ${s(p99)}, at most ${s(most)})`)],
    ['at most', `${grouped(peaks.door)} at the door`, `${grouped(peaks.waiting)} in line`, `${grouped(peaks.inside)} inside`, `${grouped(peaks.joinsPerS)} joins`, `${grouped(peaks.pollsPerS)} polls and ${gb(peaks.bytesPerS)} a second`],
    ['connections', grouped(peaks.connections), `${grouped(peaks.streams)} of them with a stream`, `${grouped(memory.edgeFiles)} files of an edge`, `${grouped(memory.frontFiles)} of a front`],
    ['memory', `${memory.edgeGb.toFixed(1)} GB of an edge`, `${memory.frontGb.toFixed(1)} of a front`, `${memory.redisGb.toFixed(2)} of a shard`, `${memory.databaseGb.toFixed(2)} grown in PostgreSQL`],
    ['in all', gb(counts.bytes), `${grouped(counts.handshakes)} handshakes`, `${grouped(counts.polls)} polls`, `${grouped(counts.reloads)} reloads`, `${grouped(counts.sentLater)} times told to come back`, `${grouped(counts.conflicts)} times somebody else had the seat`],
    ['they ended', ...Object.entries(ends).map(([name, n]) => `${name} ${grouped(n)}`), ...(sale.still > 0 ? [`still there ${grouped(sale.still)}`] : [])],
    ['money', `${money.all.toFixed(0)} (${priced()})`, ...Object.entries(money).filter(([name]) => name !== 'all').map(([name, sum]) => `${name} ${sum.toFixed(0)}`)],
  ];
  return lines.map(([name, ...parts]) => (parts.length === 0 ? name : `  ${name.padEnd(24)}${parts.join('; ')}`)).join('\n');
}

// ---- infra/SCALE.md ----

const CASES = [
  { note: '', visitors: 100_000, aimS: 10 },
  { note: '', visitors: 1_000_000, aimS: 10 },
  { note: '', visitors: 10_000_000, aimS: 60 },
  { note: 'in ten seconds', visitors: 10_000_000, aimS: 10 },
  { note: 'in ten seconds, behind a CDN', visitors: 10_000_000, aimS: 10, cdn: true },
  { note: 'over ten minutes', visitors: 10_000_000, aimS: 600, withinS: 600 },
];
const YEAR = { '100,000': 387, '1,000,000': 12, '10,000,000': 1 }; // sales of 50,000 seats

function sizes(cases) {
  return table(
    ['visitors', 'machines', 'all have a place after', 'to the visitors', 'a sale costs'],
    cases.map((one) => [
      `${grouped(one.ask.visitors)}${one.note === '' ? '' : ` ${one.note}`}`, counts(one.size), placed(one), gb(one.sale.counts.bytes), grouped(one.money.all),
    ]),
  );
}

// The machines and the provider's rate for a million visitors, by the sums.
function million() {
  const { edges, fronts, pspPerS } = sizeOf(askOf({ visitors: 1_000_000 }), 10);
  return { machines: { visitors: 1_000_000, edges, fronts }, paced: { psp_calls_per_s: pspPerS } };
}

// A million visitors with these machines, and one thing changed per row.
function narrow() {
  const { machines: given, paced } = million();
  const base = (changes) => askOf({ ...given, ...changes });
  const cases = [
    ['nothing', base({ figures: paced })],
    ['one edge', base({ edges: 1, fronts: 45, figures: paced })],
    ['one edge without a small `backlog`', base({ edges: 1, fronts: 45, backlog: 1e9, figures: paced })],
    ['one front', base({ fronts: 1, figures: paced })],
    ['`psp.per_s` 100', base({})],
    ['500 calls a second', base({ ratePerS: 500, pays: 5, figures: { psp_calls_per_s: 5 * paced.psp_calls_per_s } })],
  ];
  return table(
    ['changed', 'all have a place after', 'never saw the page', 'wait for the provider, p99', '97 % sold after'],
    cases.map(([name, ask]) => {
      const one = study(ask, 10, true);
      const { sale } = one;
      return [name, placed(one), grouped(sale.ends.neverSawThePage), s(sale.waits.provider.p99), sale.nearlyS === undefined ? 'not' : s(sale.nearlyS)];
    }),
  );
}

function year(cases) {
  const kinds = Object.entries(YEAR).map(([visitors, times]) => ({ ...cases.find(({ ask }) => grouped(ask.visitors) === visitors), times }));
  const all = yearOf(kinds);
  const rows = kinds.map(({ ask, times, money }) => [`${many(times, 'sale')} with ${grouped(ask.visitors)} visitors`, grouped(times * (money.all - money.stores))]);
  return [
    table(['a year', priced()], [
      ...rows, ['stores and storage', grouped(all.money.stores + all.money.storage)],
      [`**${grouped(all.seats / 1e6)} million seats in ${all.sales} sales**`, `**${grouped(Object.values(all.money).reduce((sum, one) => sum + one, 0))}**`],
    ]),
  ].join('\n');
}

// The tables of infra/SCALE.md, by marker name.
export function document() {
  const cases = CASES.map(({ note, aimS, ...changes }) => ({ note, ...study(askOf(changes), aimS) }));
  return {
    sizes: sizes(cases), narrow: narrow(), year: year(cases),
  };
}
