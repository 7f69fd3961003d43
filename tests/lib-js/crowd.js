// Runs the crowd (loadtest/crowd): returns its figures, and its judge's verdict on the records.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check } from '../history/check.js';
import { historyOf } from '../history/record.js';
import { programPath, ROOT } from './service.js';

const JUDGE = join(ROOT, 'loadtest/judge/judge.js');

const scenarioPath = (name) => join(ROOT, 'loadtest/scenarios', `${name}.conf`);

// {section: {key: value}} as environment variables that override a scenario.
export function asEnvironment(settings) {
  const env = {};
  for (const [section, keys] of Object.entries(settings)) {
    for (const [key, value] of Object.entries(keys)) {
      env[`FAIRGATE_${section}_${key}`.toUpperCase()] = String(value);
    }
  }
  return env;
}

// The addresses and keys of a whole stack, in a scenario's settings.
export function targetsOf(stack) {
  const at = (offset) => `127.0.0.1:${stack.base + offset}`;
  return {
    queue: at(1),
    seats: at(2),
    pay: at(3),
    psp: at(4),
    saga: at(12),
    users_file: join(stack.dir, 'demo-users.json'),
    service_token_file: join(stack.dir, 'secrets/service-token'),
  };
}

// Sets the waiting room's knobs of an event, as its operator.
export async function letIn(stack, event, knobs) {
  const headers = { 'content-type': 'application/merge-patch+json', 'if-match': '*' };
  const patched = await stack.admin('queue').patch(`/admin/events/${event}`, { body: knobs, headers });
  if (patched.status >= 300) throw new Error(`knobs of ${event}: ${patched.status} ${patched.text}`);
}

// runCrowd(scope, {scenario, settings}) returns {...report, judged: (options) => ({status, text, ...verdict}), history}.
// history(facts) checks the answers to visitors against facts of the books by tests/history. `wrap`: words in front of the
// command, such as taskset's.
export async function runCrowd(scope, options) {
  const { scenario, settings = {}, timeoutMs = 120_000, wrap = [] } = options;
  const dir = scope.tempDir('crowd-');
  const record = join(dir, 'record');
  const report = join(dir, 'report.json');
  const env = asEnvironment({ ...settings, crowd: { record, report, ...settings.crowd } });
  const argv = [...wrap, programPath('crowd'), scenarioPath(scenario), '--quiet'];
  const child = scope.spawn(`crowd-${scenario}-${dir.slice(-6)}`, argv, {
    env: { ...env, CROWD_DEBUG: '1' },
  });
  const { code } = await child.ends(timeoutMs);
  if (code !== 0) throw new Error(`crowd ended with ${code}:\n${child.tail()}`);
  return {
    ...JSON.parse(readFileSync(report, 'utf8')),
    log: () => child.log(),
    history: (facts = []) => judgedHistory(dir, ['--scenario', scenarioPath(scenario)], env, facts),
    judged: (options = []) => judged(dir, ['--scenario', scenarioPath(scenario), ...options], env),
  };
}

function judgedHistory(dir, options, env, facts) {
  const path = join(dir, 'history.jsonl');
  judged(dir, [...options, '--history', path], env);
  const lines = [...readFileSync(path, 'utf8').trimEnd().split('\n'), ...facts.map((fact) => JSON.stringify(fact))];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return { path, ...check(historyOf(lines)) };
}

// Returns {status, text, ...verdict}; the scenario says what the outcome must be.
function judged(dir, options, env) {
  const records = readdirSync(dir).filter((name) => /^record\.\d+$/.test(name));
  const json = join(dir, 'verdict.json');
  const argv = [...options, '--json', json, ...records.map((name) => join(dir, name))];
  const done = spawnSync(process.execPath, [JUDGE, ...argv], { env: { ...process.env, ...env, FAIRGATE_CROWD: programPath('crowd') }, encoding: 'utf8' });
  if (done.status !== 0 && done.status !== 1) throw new Error(done.stderr);
  return { ...JSON.parse(readFileSync(json, 'utf8')), status: done.status, text: done.stdout + done.stderr };
}
