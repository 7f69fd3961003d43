// podman.js: runs containers as root with runc, in a storage of the test's own. Sets only those podman settings whose
// defaults differ between machines.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../lib-js/index.js';

export const VERSION = execFileSync(join(ROOT, 'infra/version'), { encoding: 'utf8' }).trim();
export const TAG = VERSION.replace(/[~+]/g, '-');
export const USER = 10001;
export const imageOf = (name) => `localhost/fairgate/${name}:${TAG}`;

export function run(env, what, ...argv) {
  const { status, stdout, stderr, error } = spawnSync(what, argv, { encoding: 'utf8', env, cwd: ROOT, maxBuffer: 1 << 26 });
  assert.equal(status, 0, `${what} ${argv.join(' ')}: ${error ?? ''}${stdout}${stderr}`);
  return stdout;
}

// Empties the folder `work`, and returns the environment of a podman that keeps its files there.
export function podmanIn(work) {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, 'containers.conf'), `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=10000:10000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
[network]
network_backend = "netavark"
network_config_dir = "${work}/networks"
`);
  return { ...process.env, LC_ALL: 'C', CONTAINERS_CONF: join(work, 'containers.conf') };
}

// Each storage has its own images.
export function openPodman(work) {
  const usual = podmanIn(work);
  const made = [];

  function storage(name) {
    const file = join(work, `${name}.conf`);
    writeFileSync(file, `[storage]\ndriver = "overlay"\ngraphroot = "${work}/${name}"\nrunroot = "${work}/${name}.run"\n`);
    const env = { ...usual, CONTAINERS_STORAGE_CONF: file };
    made.push(env);
    return env;
  }

  return {
    storage,
    close() {
      for (const env of made) spawnSync('podman', ['unmount', '--all', '--force'], { env });
      rmSync(work, { recursive: true, force: true });
    },
  };
}

// Makes a release key in `dir`; returns the environment for infra/release and infra/apt.
export function openSigner(dir) {
  const env = { GNUPGHOME: dir, FAIRGATE_RELEASE_KEY: 'release@fairgate.invalid' };
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  run({ ...process.env, ...env }, 'gpg', '--batch', '--quiet', '--passphrase', '', '--quick-gen-key', env.FAIRGATE_RELEASE_KEY, 'ed25519', 'sign', 'never');
  return env;
}
export const closeSigner = ({ GNUPGHOME }) => spawnSync('gpgconf', ['--homedir', GNUPGHOME, '--kill', 'all']);

// Asserts that a container's process runs as our user, has no capabilities, gains none, and has a seccomp filter.
export function assertClosed(pid, whose) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  assert.match(status, new RegExp(`^Uid:\\t${USER}\\t${USER}\\t${USER}\\t${USER}$`, 'm'), whose);
  assert.match(status, /^CapBnd:\t0+$/m, whose);
  assert.match(status, /^NoNewPrivs:\t1$/m, whose);
  assert.match(status, /^Seccomp:\t2$/m, whose);
}

// Asserts that the process uses jemalloc, which returns memory to the system after a crowd.
export function assertGivesBack(pid, whose) {
  assert.match(readFileSync(`/proc/${pid}/maps`, 'utf8'), /libjemalloc\.so/, whose);
}
