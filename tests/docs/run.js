// run.js: runs a page's commands as a reader would type them: in one shell, in a clone, in the page's order. The clone is a
// folder of links to the tree's files, so that leftovers of a page stay out of the tree; it contains `.run`. Ports are those
// of the test's own stack.
//
//   ```sh                    is run, and must not fail
//   ```sh per-order          each line is about an order, and is run for one that was sold for it
//   ```sh not-run: WHY       is not run, for this reason
//   ```json answer           the last output of the block before it: the same members, of the same kinds
//   ```text answer           lines of that output, in this order; … matches anything

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf, ROOT } from '../../infra/docs/pages.js';

const FIRST_PORT = 8080;
const MARK = '@@block ';

// Members whose values a page promises as well.
const TOLD = ['event', 'state', 'status', 'code', 'currency', 'kty', 'crv', 'alg', 'gate', 'external_id', 'provider'];

export function openClone(dir) {
  for (const name of readdirSync(ROOT)) if (!/^\.(run|git)/.test(name)) symlinkSync(join(ROOT, name), join(dir, name));
}

const isRun = ({ language, words }) => language === 'sh' && !words.startsWith('not-run:');

// A page's blocks with their expected outputs.
export function stepsOf(page) {
  const steps = [];
  for (const block of blocksOf(readFileSync(join(ROOT, page), 'utf8'))) {
    if (block.words === 'answer') {
      assert.ok(steps.length > 0, `${page}:${block.line}: an answer to nothing`);
      steps.at(-1).answers.push(block);
    } else if (isRun(block)) steps.push({ ...block, answers: [] });
  }
  return steps;
}

const ported = (text, base) => text.replace(/\b80([89]\d)\b/g, (_, n) => String(base + Number(`80${n}`) - FIRST_PORT));

// Returns the number of blocks. The first failing block ends the page. `aboutOrders`: (lines) => the same lines about new orders.
export async function runPage(page, { dir, base, env, aboutOrders }) {
  const steps = stepsOf(page);
  for (const step of steps) if (step.words === 'per-order') step.text = (await aboutOrders(step.text.split('\n'))).join('\n');
  const script = ['set -euo pipefail', ...steps.map(({ text, line }) => `echo; echo "${MARK}${line}"\n${ported(text, base)}`)].join('\n');
  const child = spawn('bash', ['-c', script], { cwd: dir, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let wrong = '';
  child.stdout.on('data', (bytes) => { said += bytes; });
  child.stderr.on('data', (bytes) => { wrong += bytes; });
  const status = await new Promise((resolve) => { child.on('close', resolve); });
  const parts = said.split(`\n${MARK}`).slice(1).map((part) => part.slice(part.indexOf('\n') + 1));
  const last = steps[parts.length - 1];
  assert.equal(status, 0, `${page}:${last?.line}: this failed:\n${last?.text}\n${parts.at(-1)}\n${wrong}`);
  assert.equal(parts.length, steps.length, page);
  steps.forEach((step, n) => { for (const answer of step.answers) judge(page, answer, parts[n]); });
  return parts.length;
}

function judge(page, { language, text, line }, said) {
  const where = `${page}:${line}`;
  if (language === 'json') sameShape(JSON.parse(text), lastJson(said, where), where, '', said);
  else {
    let rest = said;
    for (const row of text.split('\n')) {
      const found = new RegExp(row.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')).exec(rest);
      assert.ok(found, `${where}: "${row}" is not in\n${said}`);
      rest = rest.slice(found.index + found[0].length);
    }
  }
}

function lastJson(said, where) {
  const lines = said.trim().split('\n');
  for (let from = 0; from < lines.length; from += 1) {
    try { return JSON.parse(lines.slice(from).join('\n')); } catch { /* less of it, then */ }
  }
  return assert.fail(`${where}: no JSON was said, but\n${said}`);
}

const kind = (value) => (value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value);

function sameShape(told, real, where, at, said) {
  assert.equal(kind(real), kind(told), `${where}: ${at || 'the answer'} is of another kind:\n${said}`);
  if (kind(told) === 'list' && told.length > 0) sameShape(told[0], real[0], where, `${at}[0]`, said);
  if (kind(told) !== 'object') return;
  assert.deepEqual(Object.keys(real).sort(), Object.keys(told).sort(), `${where}: ${at || 'the answer'} has other members:\n${said}`);
  for (const [name, value] of Object.entries(told)) {
    if (TOLD.includes(name) && typeof value === 'string') assert.equal(real[name], value, `${where}: ${at}.${name}`);
    else sameShape(value, real[name], where, `${at}.${name}`, said);
  }
}
