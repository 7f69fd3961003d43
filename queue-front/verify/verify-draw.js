#!/usr/bin/env node
// verify-draw.js FILE|URL [--entry N] [--commitment HEX]: checks a draw completely, with only the files next to it and
// the curve's library (npm ci): the seed against its commitment, the beacon against the promise (including a drand
// round's signature, which `queue-front verify-draw` cannot check), that each position was given once, and an entry's
// position. Needs Node.js 20. Exit codes: 0 as promised, 1 not, 2 not checked.

import { readFileSync } from 'node:fs';
import { webcrypto } from 'node:crypto';
import { checkBeacon } from '../web/beacon-check.js';
import { verifyRound } from '../web/bls.js';
import { commitmentOf, openDraw } from '../web/draw-check.js';

globalThis.crypto ??= webcrypto;
const WALK_MAX = 20_000; // entries; a hundredth of what the C program walks in the same time

const SAID = {
  round: ([took, want]) => (took === want ? `round ${took}, as promised` : `round ${took} was taken, ${want} was promised`),
  quicknet: ([chain], good) => (good ? 'drand\'s public chain, quicknet' : `NOTE: not the public chain, but ${chain}, by the key that the answer tells`),
  signature: (_, good) => `its signature ${good ? 'is' : 'IS NOT'} the chain's`,
  value: (_, good) => `the value ${good ? 'is' : 'IS NOT'} the hash of the signature`,
  words: ([value, words]) => `"${value}", said by the operator to be: ${words}; compare it with its source`,
  late: ([seconds]) => `LATE: nothing had come after ${seconds} s, so the seed alone decided`,
  alone: () => 'none was promised: the seed alone decided',
  kind: ([promised, took]) => `${promised} was promised, ${took} was taken`,
};

function argumentsOf([...args]) {
  const ask = {};
  while (args.length > 0) {
    const one = args.shift();
    if (one === '--entry' && Number(args[0]) > 0) ask.entry = Number(args.shift());
    else if (one === '--commitment' && args.length > 0) ask.commitment = args.shift();
    else if (ask.source === undefined && (one === '-' || !one.startsWith('-'))) ask.source = one;
    else return null;
  }
  return ask.source === undefined ? null : ask;
}

// The draws in a text: a record's single one, or an archive's, on the lines after the first.
function drawsIn(text, commitment) {
  const [head, ...lines] = text.split('\n');
  if (!head.startsWith('{"format":"fairgate-archive"')) return [JSON.parse(text)];
  const draws = lines.filter((line) => line.startsWith('{"event":')).map((line) => JSON.parse(line));
  if (draws.length === 0) throw new Error('an archive without its draw');
  const noted = draws.filter((one) => one.commitment === commitment);
  return noted.length > 0 ? noted : draws;
}

async function read({ source, commitment }) {
  if (!/^https?:/.test(source)) return drawsIn(readFileSync(source === '-' ? 0 : source, 'utf8'), commitment);
  const answer = await fetch(source, { headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(20_000) });
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  return [await answer.json()];
}

let good = true;
function tell(about, text, fits = true) {
  console.log(`${about.padEnd(12)}${fits === false ? 'DOES NOT FIT: ' : ''}${text}`);
  if (fits === false) good = false;
}

async function judge(told, { entry, commitment }) {
  tell('event', told.event);
  if (told.lane) tell('lane', told.lane);
  if (commitment && commitment !== told.commitment) tell('commitment', 'it is not the one that was noted before', false);
  if (!told.drawn) return tell('draw', 'not held yet; the seed is still secret', false);
  const same = await commitmentOf(told.seed) === told.commitment;
  tell('commitment', same ? 'fits: it is the SHA-256 of the seed' : 'the seed is not the one that was promised', same);
  for (const { what, good: fits, numbers } of await checkBeacon(told, verifyRound)) tell('beacon', SAID[what](numbers, fits), fits);
  const draw = await openDraw(told);
  if (told.entries > WALK_MAX) {
    tell('entries', `${told.entries}; that each position was given once, queue-front verify-draw counts quicker`);
  } else {
    const seen = new Uint8Array(told.entries + 1);
    for (let i = 1; i <= told.entries; i += 1) seen[draw.position(i)] += 1;
    const once = seen.subarray(1).every((times) => times === 1);
    tell('entries', `${told.entries}, ${once ? 'each position given once' : 'positions given twice'}`, once);
  }
  if (entry) tell('entry', `${entry} -> position ${draw.position(entry)}${entry > told.entries ? ' (came after the draw)' : ''}`);
}

const ask = argumentsOf(process.argv.slice(2));
if (ask === null) {
  console.error('verify-draw.js FILE|URL [--entry N] [--commitment HEX]');
  process.exit(2);
}
try {
  for (const told of await read(ask)) {
    if (told.algorithm !== 'fairgate-draw-1') throw new Error(`the algorithm "${told.algorithm}" is not known here`);
    await judge(told, ask);
  }
  process.exitCode = good ? 0 : 1;
} catch (error) {
  console.error(`${ask.source}: ${error.message}`);
  process.exitCode = 2;
}
