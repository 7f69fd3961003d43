// fairgate secrets: copies files that Kubernetes mounts for a group to files that only their owner can read.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openScope, runBeside } from '../../lib-js/index.js';
import { done, EXIT, refused } from './fairgate.js';

// As kubelet lays them out: plain files in a folder that is replaced as a whole, reached by links.
function mounted(dir, files) {
  mkdirSync(join(dir, '..2026'));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(dir, '..2026', name), text);
    chmodSync(join(dir, '..2026', name), 0o440);
    symlinkSync(`..data/${name}`, join(dir, name));
  }
  symlinkSync('..2026', join(dir, '..data'));
}

const secrets = (...words) => runBeside('fairgate', ['secrets', ...words], { env: { HOME: '/nowhere', FAIRGATE_PROFILES: undefined } });

test('each is there for its owner alone, and is replaced by a newer one', async (t) => {
  const scope = openScope(t);
  const [from, to] = [scope.tempDir(), scope.tempDir()];
  mounted(from, { 'admin-token': 'a'.repeat(64), 'pgpass-seat_service': '*:*:*:seat_service:word\n' });
  writeFileSync(join(to, 'admin-token'), 'an old one');
  done(await secrets(from, to));
  assert.deepEqual(readdirSync(to).sort(), ['admin-token', 'pgpass-seat_service']);
  for (const name of readdirSync(to)) {
    assert.equal(readFileSync(join(to, name), 'utf8'), readFileSync(join(from, name), 'utf8'));
    assert.equal(statSync(join(to, name)).mode & 0o777, 0o400);
  }
  done(await secrets(from, to));
});

test('an unknown secret, or one that cannot be written, is named', async (t) => {
  const scope = openScope(t);
  const [from, to] = [scope.tempDir(), scope.tempDir()];
  refused(await secrets(from, to), EXIT.usage, /there is no secret in it/);
  refused(await secrets(join(from, 'nowhere'), to), EXIT.usage, /nowhere: No such file/);
  writeFileSync(join(from, 'key'), 'k');
  refused(await secrets(from, join(to, 'nowhere')), EXIT.usage, /nowhere: No such file/);
  refused(await secrets(from), EXIT.usage, /TO/);
  writeFileSync(join(from, 'long'), 'x'.repeat(16385));
  refused(await secrets(from, to), EXIT.usage, /long, at most 16384 bytes: it is too long/);
  mkdirSync(join(from, 'folder'));
  refused(await secrets(from, to), EXIT.usage, /(folder.*: it is not a plain file|long.*: it is too long)/);
});
