// The command line in tests: `const fairgate = commandLine(scope, {queue, token})`, then `await fairgate('rate', 'demo',
// '400')` returns {status, stdout, stderr}, with the parsed output as `.json`.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderConfig, runBeside } from '../../lib-js/index.js';

// The program's exit codes (infra/ctl/README.md).
export const EXIT = { done: 0, refused: 1, usage: 2, away: 3, unknown: 4, token: 5, changed: 6, cancelled: 7 };

// The services of a stack; `profile` says how its edge is reached.
export const servicesOf = ({ base, dir }, profile) => ({
  queue: { privatePort: base + 11 },
  seats: { privatePort: base + 12 },
  pay: { privatePort: base + 13 },
  tokenFile: join(dir, 'secrets/admin-token'),
  profile,
});

const address = (service) => (service === undefined ? undefined : `http://127.0.0.1:${service.privatePort}`);

// Services as returned by startService(). `profile` has further settings of the profile.
export function commandLine(scope, { queue, seats, pay, tokenFile, profile = {} }) {
  const dir = scope.tempDir('ctl-');
  const profiles = join(dir, 'profiles');
  const services = { queue: address(queue), seats: address(seats), pay: address(pay) };
  writeFileSync(profiles, renderConfig({ default: { ...services, token_file: tokenFile, ...profile } }));
  const run = async (...words) => {
    const { env = {}, input } = typeof words.at(-1) === 'object' ? words.pop() : {};
    const clean = { FAIRGATE_PROFILE: undefined, FAIRGATE_TOKEN: undefined, HOME: dir, XDG_CONFIG_HOME: '' };
    const limits = ['--timeout', '120']; // so that a busy machine does not cause failures
    const done = await runBeside('fairgate', [...limits, ...words], { env: { ...clean, FAIRGATE_PROFILES: profiles, ...env }, input });
    return { ...done, get json() { return JSON.parse(done.stdout); } };
  };
  run.profiles = profiles;
  return run;
}

export const done = (answer) => {
  assert.equal(answer.status, EXIT.done, `${answer.stdout}${answer.stderr}`);
  return answer;
};
export const refused = (answer, status, says) => {
  assert.equal(answer.status, status, `${answer.stdout}${answer.stderr}`);
  assert.match(answer.stderr, says);
  return answer;
};

// A table as rows of cells, without its head.
export const cells = (text) => text.trimEnd().split('\n').slice(1).map((line) => line.trim().split(/ {2,}/));
