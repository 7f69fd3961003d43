// draw.js: the handbook's diagrams and tables, drawn from the code at each build, so that they are never out of date. Their
// sources:
//
//   calls   who calls whom          infra/stack/parts/*, which write each part's addresses, and the edge's paths
//   states  what may follow what    the tables of moves in C: an enum, the states that may follow each
//   sagas   steps and the pivot     payment-adapter/src/core/checkout/checkout.c
//
// A missing source is an error: a picture that lacks something would still look right.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = new URL('../..', import.meta.url).pathname;
const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const must = (found, what) => {
  if (!found || found.length === 0) throw new Error(`draw: ${what} was not found`);
  return found;
};
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

// ---- SVG ------------------------------------------------------------------------------------------------

const STYLE = `
text { font: 14px system-ui, sans-serif; fill: #1a1d21; }
.small { font-size: 12px; fill: #545e6b; }
.box { fill: #fff; stroke: #7a8594; }
.strong { fill: #e7effc; stroke: #0b57d0; }
.arrow { fill: none; stroke: #545e6b; stroke-width: 1.4; }
.back { stroke: #b3005e; }
.tip { fill: #545e6b; } .back-tip { fill: #b3005e; }
@media (prefers-color-scheme: dark) {
  text { fill: #e8eaed; } .small { fill: #aab3bf; } .box { fill: #16181c; stroke: #7b8594; }
  .strong { fill: #12233f; stroke: #a8c7fa; } .arrow { stroke: #aab3bf; } .back { stroke: #ff9ecb; }
  .tip { fill: #aab3bf; } .back-tip { fill: #ff9ecb; }
}`;

const TIPS = ['tip', 'back-tip'].map((name) => `<marker id="${name}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path class="${name}" d="M0 0 8 4 0 8z"/></marker>`).join('');

const svg = (title, width, height, body) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"><title>${escape(title)}</title><style>${STYLE}</style><defs>${TIPS}</defs>${body}</svg>\n`;

const box = (x, y, width, height, words, kind = 'box') =>
  `<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="8"/>` +
  words.map((word, n) => `<text class="${n > 0 ? 'small' : ''}" x="${x + width / 2}" y="${y + height / 2 + 5 + (n - (words.length - 1) / 2) * 17}" text-anchor="middle">${escape(word)}</text>`).join('');

const arrow = (path, back = false) =>
  `<path class="arrow${back ? ' back' : ''}" d="${path}" marker-end="url(#${back ? 'back-tip' : 'tip'})"/>`;

// ---- who calls whom -------------------------------------------------------------------------------------

// The place of each part in the picture: row, column. A part without one is an error, so that a new part gets drawn.
const PLACES = {
  visitor: [0, 1], edge: [1, 1], 'queue-front': [2, 0], 'seat-service': [2, 1], 'payment-adapter': [2, 2],
  'seats-feed': [3, 0.45], redis: [4, 0], postgres: [4, 1], 'demo-shop': [4, 2], 'psp-sandbox': [4, 3],
};
const NOTES = { 'psp-sandbox': 'payment provider', 'demo-shop': "the company's shop", redis: 'the line', postgres: 'journal, sagas', edge: 'HAProxy' };
// Settings that say how browsers reach something or where it listens itself. They make no calls.
const NO_CALL = /^(host|port|origins|parts|public_url|return_urls|toss_checkout_url|token_file|bind|unixsocket|listen_addresses)$/;

function portsOfParts(parts) {
  const owner = new Map();
  for (const part of parts) {
    const ports = /part_ports\(\) \{([^}]*)\}/.exec(read(`infra/stack/parts/${part}`))?.[1] ?? '';
    for (const [, n] of ports.matchAll(/BASE \+ (\d+)/g)) owner.set(n, part);
  }
  return owner;
}

// The part that a setting's value names.
function named(value, owner) {
  const found = [...value.matchAll(/BASE \+ (\d+)/g)].map(([, n]) => owner.get(n));
  if (/front_(private_)?port/.test(value)) found.push('queue-front');
  if (/redis\.sock/.test(value)) found.push('redis');
  if (/health_pages|seat_pages|seat_service\)|owner_private_port/.test(value)) found.push('seat-service');
  if (/health_pages/.test(value)) found.push('payment-adapter');
  return found.filter(Boolean);
}

// Returns [{from, to, by}]; `by` is the setting that names `to`.
export function calls() {
  // Parts that only observe a stack do not take part in a sale.
  const parts = must(/^ALL_PARTS='([^']*)'/m.exec(read('infra/stack/lib.sh')), 'ALL_PARTS')[1].split(/\s+/).filter((part) => !part.startsWith('observe-'));
  for (const part of parts) must(PLACES[part], `a place for ${part}`);
  const owner = portsOfParts(parts);
  const all = [{ from: 'visitor', to: 'edge', by: 'HTTP' }, { from: 'visitor', to: 'psp-sandbox', by: 'the payment page' }];
  for (const [, backend, paths] of read('infra/edge/haproxy.cfg').matchAll(/use_backend ([a-z-]+) if \{ path_beg ([^}]*)\}/g)) {
    if (parts.includes(backend)) all.push({ from: 'edge', to: backend, by: paths.trim() });
  }
  for (const part of parts.filter((name) => !['edge', 'redis', 'postgres'].includes(name))) {
    let section = '';
    for (const line of read(`infra/stack/parts/${part}`).split('\n')) {
      section = /^\[(\w+)\]$/.exec(line)?.[1] ?? section;
      const [, key, value] = /^(\w+) = (.*)$/.exec(line) ?? [];
      if (key !== undefined && !NO_CALL.test(key)) {
        for (const to of new Set(named(value, owner))) if (to !== part) all.push({ from: part, to, by: `[${section}] ${key}` });
      }
    }
  }
  for (const part of parts) must(all.filter(({ from, to }) => from === part || to === part), `a call of ${part}`);
  return all;
}

const WIDTH = 168;
const HEIGHT = 50;
const centre = (name) => [40 + PLACES[name][1] * 230 + WIDTH / 2, 20 + PLACES[name][0] * 108 + HEIGHT / 2];

// From border to border, so that arrowheads are visible.
function between(from, to) {
  const [x1, y1] = centre(from);
  const [x2, y2] = centre(to);
  if (Math.abs(y1 - y2) < 1) {
    const near = Math.abs(x1 - x2) < 240;
    const side = x1 < x2 ? 1 : -1;
    const lift = side * (near ? 8 : 0);
    if (near) return `M${x1 + (side * WIDTH) / 2} ${y1 + lift} L${x2 - (side * WIDTH) / 2} ${y2 + lift}`;
    return `M${x1} ${y1 + HEIGHT / 2} Q${(x1 + x2) / 2} ${y1 + 78} ${x2} ${y2 + HEIGHT / 2}`;
  }
  // Around all parts in between.
  if (from === 'visitor' && y2 - y1 > 300) return `M${x1 + WIDTH / 2} ${y1} C${x2 + 60} ${y1} ${x2 + 60} ${y2 - 220} ${x2 + 30} ${y2 - HEIGHT / 2}`;
  const down = y2 > y1 ? 1 : -1;
  const ends = (x, other) => x + Math.max(-WIDTH / 3, Math.min(WIDTH / 3, (other - x) / 4));
  return `M${ends(x1, x2)} ${y1 + (down * HEIGHT) / 2} L${ends(x2, x1)} ${y2 - (down * HEIGHT) / 2}`;
}

function drawCalls() {
  const pairs = [...new Set(calls().map(({ from, to }) => `${from} ${to}`))].map((pair) => pair.split(' '));
  const lines = pairs.map(([from, to]) => arrow(between(from, to))).join('');
  const boxes = Object.keys(PLACES).map((name) => {
    const [x, y] = centre(name);
    const strong = ['queue-front', 'seat-service', 'payment-adapter'].includes(name);
    return box(x - WIDTH / 2, y - HEIGHT / 2, WIDTH, HEIGHT, [name, NOTES[name]].filter(Boolean), strong ? 'strong' : 'box');
  }).join('');
  return svg('The parts of a stack, and who calls whom', 940, 530, lines + boxes);
}

const tellCalls = () => ['| who | calls | named by |', '|---|---|---|',
  ...calls().map(({ from, to, by }) => `| ${from} | ${to} | ${by.startsWith('/') || by.startsWith('[') ? `\`${by}\`` : by} |`)].join('\n');

// ---- states ---------------------------------------------------------------------------------------------

const MACHINES = [
  { name: 'event', title: 'The states of an event', file: 'queue-front/src/core/event/event_state.c', table: 'state_next', prefix: 'LINE_' },
  { name: 'role', title: 'What a process of the seat service is', file: 'seat-service/src/journal/role.c', table: 'role_next', prefix: 'JOURNAL_' },
  { name: 'owned', title: 'The states of an event in a process of the seat service', file: 'seat-service/src/journal/role.c', table: 'state_next', prefix: 'JOURNAL_EVENT_' },
];

// {state: [possible next states]} of a table of moves.
export function movesOf(file, table, prefix) {
  const body = must(new RegExp(`${table}\\[\\w+\\] = \\{([\\s\\S]*?)\\n\\};`).exec(read(file)), `${table} in ${file}`)[1].replace(/\/\*[\s\S]*?\*\//g, '');
  const plain = (name) => name.slice(prefix.length).toLowerCase().replaceAll('_', '-');
  const moves = {};
  for (const [, state, next] of body.matchAll(/\[(\w+)\] =([^[]*?),\s*(?=\[|$)/g)) {
    moves[plain(state)] = [...next.matchAll(/BIT\((\w+)\)/g)].map(([, to]) => plain(to));
  }
  must(Object.keys(moves), `rows of ${table} in ${file}`);
  for (const next of Object.values(moves)) for (const to of next) must(to in moves, `${to} in ${table}`);
  return moves;
}

// A column of states: forward moves are arcs on the right, backward moves on the left.
function drawStates({ title, file, table, prefix }) {
  const moves = movesOf(file, table, prefix);
  const names = Object.keys(moves);
  const [left, step, wide, high] = [130, 66, 150, 36];
  const y = (name) => 24 + names.indexOf(name) * step + high / 2;
  const arcs = names.flatMap((from) => moves[from].map((to) => {
    const far = names.indexOf(to) - names.indexOf(from);
    if (far === 0) return arrow(`M${left + wide} ${y(from) - 8} C${left + wide + 40} ${y(from) - 20} ${left + wide + 40} ${y(from) + 20} ${left + wide} ${y(from) + 8}`);
    const back = far < 0;
    const x = back ? left : left + wide;
    const out = x + (back ? -1 : 1) * (16 + Math.abs(far) * 17);
    const slip = back ? -7 : 7;
    return arrow(`M${x} ${y(from) + slip} C${out} ${y(from) + slip} ${out} ${y(to) - slip} ${x} ${y(to) - slip}`, back);
  })).join('');
  const boxes = names.map((name) => box(left, y(name) - high / 2, wide, high, [name], moves[name].length === 0 ? 'box' : 'strong')).join('');
  return svg(title, 430, 24 + names.length * step, arcs + boxes);
}

// ---- sagas ----------------------------------------------------------------------------------------------

// [{name, steps: [{name, undo}], pivot}], the newest version of each kind.
export function sagas() {
  const text = read('payment-adapter/src/core/checkout/checkout.c');
  const steps = {};
  const rows = must(/steps\[STEP_COUNT\] = \{([\s\S]*?)\n\};/.exec(text), 'the steps')[1];
  for (const [, id, row] of rows.matchAll(/\[(STEP_\w+)\] =\s*([\s\S]*?)(?=\n {4}\[STEP_|$)/g)) {
    steps[id] = { name: must(/\.name = "(\w+)"/.exec(row), `the name of ${id}`)[1], undo: /\.undo = (\w+)/.exec(row)?.[1] };
  }
  const newest = new Map();
  for (const [, name, list, pivot] of text.matchAll(/"(\w+\.\d+)", LIST\((\w+)\), \.pivot = (\d+)/g)) {
    const body = must(new RegExp(`${list}\\[\\] = \\{([\\s\\S]*?)\\};`).exec(text), list)[1];
    newest.set(name.split('.')[0], { name, pivot: Number(pivot), steps: [...body.matchAll(/STEP_\w+/g)].map(([id]) => must(steps[id], id)) });
  }
  return must([...newest.values()], 'the definitions');
}

function drawSagas() {
  const all = sagas();
  const [wide, high, step] = [190, 40, 62];
  const tall = Math.max(...all.map(({ steps }) => steps.length));
  const body = all.map((saga, column) => {
    const x = 20 + column * 300;
    return `<text x="${x}" y="24">${saga.name}</text>` + saga.steps.map(({ name, undo }, n) => {
      const y = 40 + n * step;
      const on = n + 1 < saga.steps.length ? arrow(`M${x + wide / 2} ${y + high} V${y + step}`) : '';
      const words = n === saga.pivot ? [name, 'pivot'] : [name];
      const back = undo === undefined ? '' : `${arrow(`M${x + wide} ${y + high / 2} h26`, true)}<text class="small" x="${x + wide + 30}" y="${y + high / 2 - 6}">undo</text>`;
      return box(x, y, wide, high, words, n === saga.pivot ? 'strong' : 'box') + on + back;
    }).join('');
  }).join('');
  return svg('The steps of each saga', 20 + all.length * 300, 50 + tall * step, body);
}

// ---- all of it ------------------------------------------------------------------------------------------

// Returns {file: text} below docs/diagrams.
export function diagrams() {
  const states = MACHINES.map((machine) => [`state-${machine.name}.svg`, drawStates(machine)]);
  return { 'calls.svg': drawCalls(), 'sagas.svg': drawSagas(), ...Object.fromEntries(states) };
}

// A page with every call of the three contracts.
function tellContracts() {
  const said = [];
  for (const service of ['queue-front', 'seat-service', 'payment-adapter']) {
    said.push('', `## ${service}`, '', '| call | what it does |', '|---|---|');
    let path = '';
    let method = '';
    for (const line of read(`${service}/openapi.yaml`).split('\n')) {
      path = /^ {2}(\/\S*):$/.exec(line)?.[1] ?? path;
      method = /^ {4}(get|put|post|patch|delete):$/.exec(line)?.[1].toUpperCase() ?? method;
      const summary = /^ {6}summary: (.*)$/.exec(line)?.[1];
      if (summary !== undefined) said.push(`| \`${method} ${path}\` | ${summary.replaceAll('|', '\\|')} |`);
    }
    must(said.at(-1).startsWith('| `'), `calls of ${service}`);
  }
  return said.join('\n');
}

// The replacements for `<!-- made: NAME -->` in a page.
export const MADE = { calls: tellCalls, contracts: tellContracts };
