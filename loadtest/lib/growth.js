// Checks that a process uses no more at the end of a long run than after warm-up. Compares allocated memory and open files, as
// each of our processes reports them. Resident memory is printed but not checked: tables of a fixed size (idempotency keys,
// holds) become resident as they fill.
//
// The time after the last kill is divided into quarters. In the first one a process warms up: pools grow to the crowd's size.
// The medians of the second and the last quarter are compared.

import { client } from '../../tests/lib-js/http.js';
import { repeat } from './repeat.js';

const EVERY_MS = 5000;
const BLOCK_KB = 64; // growth up to this is a pool's next block, not a leak
const FILES = 4; // connections that come and go
const LOOKS_MIN = 8;
const SAME_S = 3; // process_start_time_seconds varies by a second between samples

const middle = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function numbersOf(text, names) {
  return names.map((name) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]));
}

// Returns null if the process does not answer.
async function lookAt(port) {
  try {
    const { text } = await client({ port, timeoutMs: 2000 }).get('/metrics');
    const [bytes, rss, files, started] = numbersOf(text, ['fairgate_memory_allocated_bytes', 'process_resident_memory_bytes', 'process_open_fds', 'process_start_time_seconds']);
    return Number.isFinite(bytes) ? { kb: bytes / 1024, rssKb: rss / 1024, files, started } : null;
  } catch {
    return null;
  }
}

// looks: samples of one process, [{atMs, kb, rssKb, files}]; fromMs to toMs: the period without kills.
// Returns null unless the process was there all the time.
function growthOf(looks, fromMs, toMs) {
  const quarter = (toMs - fromMs) / 4;
  const within = (n) => looks.filter(({ atMs }) => atMs >= fromMs + n * quarter && atMs < fromMs + (n + 1) * quarter);
  const quarters = [0, 1, 2, 3].map(within);
  if (quarters.some(({ length }) => length < LOOKS_MIN)) return null;
  const [was, is] = [quarters[1], quarters[3]].map((part) => Object.fromEntries(['kb', 'rssKb', 'files'].map((name) => [name, middle(part.map((look) => look[name]))])));
  return { was, is };
}

// seen: a Map 'PART START' -> looks. Returns {findings, lines}.
export function judgeGrowth(seen, fromMs, toMs, maxThousandths) {
  const findings = [];
  const lines = [];
  for (const [who, looks] of seen) {
    const growth = growthOf(looks, fromMs, toMs);
    if (growth === null) continue;
    const { was, is } = growth;
    const [part] = who.split(' ');
    const share = ((is.kb - was.kb) / was.kb) * 100;
    lines.push(`${part}: ${was.kb.toFixed(0)} kB once it was warm, ${is.kb.toFixed(0)} kB at the end (${share >= 0 ? '+' : ''}${share.toFixed(2)} %; in RAM ${was.rssKb.toFixed(0)}, then ${is.rssKb.toFixed(0)}); ${was.files} files, then ${is.files}`);
    if (is.kb - was.kb > Math.max(BLOCK_KB, (was.kb * maxThousandths) / 1000)) findings.push(`memory-grew: ${lines.at(-1)}`);
    if (is.files > was.files + FILES) findings.push(`files-grew: ${lines.at(-1)}`);
  }
  const judged = new Set(lines.map((line) => line.split(':')[0].replace(/-\d+$/, '')));
  for (const part of ['queue-front', 'seat-service', 'payment-adapter'])
    if (!judged.has(part)) findings.push(`growth-not-judged: no ${part} was there long enough after the last kill`);
  return { findings, lines };
}

// Returns over(time of the last kill), which returns {findings, lines}: both empty if the scenario has no max_growth.
export function watchGrowth(stage) {
  const { expect } = stage.settings;
  if (expect.max_growth === 0) return async () => ({ findings: [], lines: [] });
  const parts = [...stage.fronts.map(({ privatePort }, n) => [`queue-front${n === 0 ? '' : `-${n + 1}`}`, privatePort]),
    ['seat-service', stage.stack.base + 12], ['payment-adapter', stage.stack.base + 13]];
  const seen = new Map();
  const newest = new Map(); // part -> when its process started
  const began = Date.now();
  const over = repeat(EVERY_MS, async () => {
    for (const [part, port] of parts) {
      const look = await lookAt(port);
      if (look === null) continue;
      if (!(Math.abs(look.started - newest.get(part)) < SAME_S)) newest.set(part, look.started);
      const who = `${part} ${newest.get(part)}`;
      seen.set(who, [...(seen.get(who) ?? []), { atMs: Date.now(), ...look }]);
    }
  });
  return async (fromMs = began) => {
    await over();
    return judgeGrowth(seen, fromMs, Date.now(), expect.max_growth);
  };
}
