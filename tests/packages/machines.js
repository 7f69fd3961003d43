// machines.js: Debian machines with systemd as the first process, made by mmdebstrap and run by podman, as root. They
// have only their own network, so everything they install is fetched before they start.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, until } from '../lib-js/index.js';
import { closeSigner, openSigner, podmanIn, run } from './podman.js';

export const RELEASE = /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))[1];

// `tar`: caches a Debian with the packages `include` installed and the packages `fetch` downloaded; `make clean` deletes it.
export function openMachines(work, { tar, include, fetch }) {
  const env = { ...podmanIn(work), DEBIAN_FRONTEND: 'noninteractive' };
  const signer = openSigner(join(work, 'keys'));
  const storage = ['--root', join(work, 'store'), '--runroot', join(work, 'run'), '--storage-driver', 'vfs'];
  const podman = (...argv) => run(env, 'podman', ...storage, ...argv);
  const nameOf = (machine) => `fairgate-${machine}-${process.pid}`;
  const rootOf = (machine) => join(work, machine);
  const argvOf = (machine, ...argv) => ['exec', '-e', 'DEBIAN_FRONTEND=noninteractive', '-e', 'LC_ALL=C', '-e', 'HOME=/root', nameOf(machine), 'bash', ...argv];
  const added = [];
  if (!existsSync(tar)) {
    const hook = `chroot "$1" apt-get -qy --no-install-recommends --download-only install ${fetch.join(' ')}`;
    run(env, 'mmdebstrap', '--quiet', '--variant=minbase', '--skip=cleanup/apt', `--include=${include}`, `--customize-hook=${hook}`, RELEASE, `${tar}.new.tar`);
    renameSync(`${tar}.new.tar`, tar);
  }

  return {
    podman,
    nameOf,
    rootOf,
    on: (machine, script) => podman(...argvOf(machine, '-ec', script)).trim(),
    // Returns the status and the output, as somebody at a terminal sees them. A failing command does not throw.
    type(machine, script) {
      const { status, stdout, stderr } = spawnSync('podman', [...storage, ...argvOf(machine, '-c', `cd\n${script}`)], { encoding: 'utf8', env });
      return { status, said: stdout + stderr };
    },

    // Makes a signed apt repository of our packages in `from`, as a release does; returns its sources.list line.
    offer(machine, name, from) {
      const line = `deb [signed-by=/packages/${name}/fairgate.asc] file:/packages/${name} ${RELEASE} main\n`;
      execFileSync(join(ROOT, 'infra/apt'), [join(ROOT, from), join(rootOf(machine), 'packages', name)], { env: { ...process.env, ...signer } });
      writeFileSync(join(rootOf(machine), `etc/apt/sources.list.d/${name}.list`), line);
      return line;
    },

    unpack(machine) {
      mkdirSync(rootOf(machine));
      run(env, 'tar', '-xf', tar, '-C', rootOf(machine), '--numeric-owner', '--xattrs', '--xattrs-include=*');
      writeFileSync(join(rootOf(machine), 'etc/apt/apt.conf.d/few'), 'APT::Install-Recommends "false";\n');
      writeFileSync(join(rootOf(machine), 'etc/dpkg/dpkg.cfg.d/quick'), 'force-unsafe-io\n');
    },
    fetch: (machine, ...argv) => run(env, 'chroot', rootOf(machine), 'apt-get', '-qy', ...argv),

    async start(machine, ...argv) {
      added.push(machine);
      podman('run', '--detach', '--privileged', ...argv, '--systemd', 'always', '--name', nameOf(machine), '--rootfs', rootOf(machine), '/sbin/init');
      await until(`${machine} to be up`, () => /^(running|degraded)$/.test(this.on(machine, 'systemctl is-system-running || true')), { timeoutMs: 120_000, everyMs: 500 });
    },
    forget() {
      const remove = (machine) => podman('rm', '--force', '--ignore', '--time', '5', nameOf(machine));
      for (const machine of added) {
        try {
          remove(machine);
        } catch {
          remove(machine); // podman fails if the machine ends just before it is killed
        }
      }
      closeSigner(signer);
    },
  };
}
