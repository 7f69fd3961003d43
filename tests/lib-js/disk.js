// Failing disks: one that loses unsynced data when its power is cut (and can be slow), and one that is full. Both are
// mounted, which only root may do.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programPath } from './service.js';
import { until } from './wait.js';

// A folder on a disk of tests/fault/disk: unsynced data is lost after a cut.
export async function openForgetfulDisk(scope) {
  const dir = scope.tempDir('disk-');
  const switch_ = join(dir, '.power');
  const child = scope.spawn('forgetful-disk', [programPath('forgetful-disk'), dir], { deathSignal: 'TERM' });
  await until('the disk to be mounted', () => {
    child.assertRunning();
    return existsSync(switch_);
  });
  return {
    dir,
    // From now on every read and write fails.
    cut: () => writeFileSync(switch_, 'off'),
    // Power is back, with `keep` percent of the unsynced blocks, chosen by the seed.
    powerOn: ({ seed = 1, keep = 0 } = {}) => writeFileSync(switch_, `on ${seed} ${keep}`),
    // From now on each sync takes that long, and blocks other requests to the disk.
    slow: (ms) => writeFileSync(switch_, `slow ${ms}`),
    figures: () => JSON.parse(readFileSync(switch_, 'utf8')),
  };
}

const BLOCK = 4096;

// A folder on a separate disk of that many megabytes, which can be filled and emptied.
export function openSmallDisk(scope, megabytes) {
  const dir = scope.tempDir('small-');
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0711`, 'small-disk', dir]);
  scope.defer(() => execFileSync('umount', ['--lazy', dir]));
  const ballast = join(dir, 'ballast');
  const freeBytes = () => {
    const { bavail, bsize } = statfsSync(dir);
    return bavail * bsize;
  };
  return {
    dir,
    freeBytes,
    // Takes all free space except `leave` bytes; another process may write meanwhile.
    fill(leave = 0) {
      if (!existsSync(ballast)) {
        writeFileSync(ballast, '');
        chmodSync(ballast, 0o600);
      }
      for (let share = 1; ;) {
        const free = freeBytes() - leave;
        if (free <= 0) return;
        const size = statSync(ballast).size + Math.max(BLOCK, Math.floor(free * share));
        const done = spawnSync('fallocate', ['--length', String(size), ballast], { encoding: 'utf8' });
        if (done.status !== 0 && !/No space left/.test(done.stderr)) throw new Error(`fallocate: ${done.stderr}`);
        share = done.status === 0 ? 1 : share / 2; // a process that keeps writing always beats an attempt to take everything
      }
    },
    empty: () => truncateSync(ballast),
  };
}
