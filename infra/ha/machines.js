// machines.js: machines on this one. A machine is a network namespace with one card and one address, a
// folder, and the processes that run in it; all cards hang on one switch, a bridge in a namespace of its
// own. Nothing of it touches this machine's own network but one card, by which a person here is a
// visitor there.
//
// What can be done to a machine: kill -9 or stop one of its processes, take its power (everything dies in
// the same moment and no packet says so), take its cable (its packets vanish, the link stays up), or
// lose one way only: it hears and is not heard.
//
// A process that dies is started again at once, and after a second if it had only just begun, as systemd
// and runit do. All that is started carries a parent-death signal; what detaches itself from its parent
// (PostgreSQL under Patroni) is found by its namespace. A site that was killed itself is cleared away by the
// next one.

import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../tests/lib-js/wait.js';

const JUST_BEGUN_MS = 3_000;
const HELD_BACK_MS = 1_000;

const ip = (...words) => execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const quietly = (work) => {
  try {
    return work();
  } catch {
    return null;
  }
};
const lines = (text) => (text ?? '').split('\n').filter(Boolean);
const namespacesOf = (set) => lines(quietly(() => ip('netns', 'list'))).map((line) => line.split(' ')[0])
  .filter((name) => name === set || name.startsWith(`${set}-`));
const pidsIn = (namespace) => lines(quietly(() => ip('netns', 'pids', namespace))).map(Number);

function killAll(namespace) {
  for (let round = 0; round < 50; round += 1) {
    const pids = pidsIn(namespace);
    if (pids.length === 0) return;
    for (const pid of pids) quietly(() => process.kill(pid, 'SIGKILL'));
  }
}

function clearAway({ name: set, hostCard }) {
  quietly(() => ip('link', 'del', hostCard));
  for (const name of namespacesOf(set)) {
    killAll(name);
    quietly(() => ip('netns', 'del', name));
  }
}

export class Lan {
  machines = new Map();
  #opened = false;

  // `net`: "198.18.77": addresses of a /24. `dir`: where the machines' folders are made. `name`: of the set; sets of other
  // names may be there at the same time.
  constructor(net, dir, name = 'fgha') {
    this.net = net;
    this.dir = dir;
    this.name = name;
    this.hostCard = `${name}-host`;
    this.owner = `/run/fairgate-${name}.pid`;
  }

  open() {
    if (process.getuid() !== 0) throw new Error('machines are network namespaces, and only root may make those');
    const owner = Number(quietly(() => readFileSync(this.owner, 'utf8')));
    if (owner > 0 && existsSync(`/proc/${owner}`)) throw new Error(`process ${owner} has such a set of machines already; there is room for one`);
    writeFileSync(this.owner, String(process.pid));
    this.#opened = true;
    clearAway(this);
    ip('netns', 'add', this.name);
    ip('-n', this.name, 'link', 'add', 'lan', 'type', 'bridge');
    ip('-n', this.name, 'link', 'set', 'lan', 'up');
    ip('link', 'add', this.hostCard, 'type', 'veth', 'peer', 'name', 'p-host', 'netns', this.name);
    ip('-n', this.name, 'link', 'set', 'p-host', 'master', 'lan', 'up');
    ip('addr', 'add', `${this.net}.1/24`, 'dev', this.hostCard);
    ip('link', 'set', this.hostCard, 'up');
    for (const machine of this.machines.values()) machine.plug();
  }

  // Whatever way it ends; nothing where it was never opened.
  close() {
    if (!this.#opened) return;
    for (const machine of this.machines.values()) machine.retire();
    clearAway(this);
    rmSync(this.owner, { force: true });
  }

  add(name, last) {
    const machine = new Machine(this, name, last);
    this.machines.set(name, machine);
    return machine;
  }
}

class Machine {
  processes = new Map(); // by name: {argv, options, child, began, timer}
  powered = true;

  constructor(lan, name, last) {
    this.lan = lan;
    this.name = name;
    this.address = `${lan.net}.${last}`;
    this.dir = join(lan.dir, name);
    this.namespace = `${this.lan.name}-${name}`;
    this.port = `p-${name}`;
    mkdirSync(this.dir, { mode: 0o711 });
  }

  // Until then there is a folder and nothing else.
  plug() {
    ip('netns', 'add', this.namespace);
    ip('-n', this.lan.name, 'link', 'add', this.port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.namespace);
    ip('-n', this.lan.name, 'link', 'set', this.port, 'master', 'lan', 'up');
    ip('-n', this.namespace, 'link', 'set', 'lo', 'up');
    ip('-n', this.namespace, 'addr', 'add', `${this.address}/24`, 'dev', 'eth0');
    ip('-n', this.namespace, 'link', 'set', 'eth0', 'up');
    execFileSync('nsenter', [`--net=/run/netns/${this.namespace}`, 'sysctl', '-qp', new URL('./etc/neighbours.conf', import.meta.url).pathname]);
  }

  path(...words) {
    return join(this.dir, ...words);
  }

  // A process that is always to run. `user`: for what refuses root.
  run(name, argv, options = {}) {
    this.processes.set(name, { name, argv, options, child: null, began: 0, timer: null });
    this.#start(name);
  }

  // One that ends: its output, or an error that has it.
  once(argv, { user = null, env = {}, input = '', timeoutMs = 60_000 } = {}) {
    const [program, ...words] = this.inside(argv, user);
    return execFileSync(program, words, { cwd: '/', env: { ...process.env, ...env }, input, encoding: 'utf8', timeout: timeoutMs, stdio: ['pipe', 'pipe', 'pipe'] });
  }

  // Those words as a command that runs there.
  inside(argv, user = null) {
    const who = user === null ? [] : ['--reuid', user, '--regid', user, '--clear-groups'];
    return ['nsenter', `--net=/run/netns/${this.namespace}`, 'setpriv', '--pdeathsig', 'KILL', ...who, '--', ...argv];
  }

  #start(name) {
    const entry = this.processes.get(name);
    const log = openSync(this.path(`${name}.log`), 'a', 0o600);
    const [program, ...words] = this.inside(entry.argv, entry.options.user ?? null);
    entry.began = Date.now();
    entry.child = spawn(program, words, { cwd: '/', env: { ...process.env, ...entry.options.env }, stdio: ['ignore', log, log] });
    closeSync(log);
    entry.child.on('error', () => {});
    entry.child.on('exit', () => {
      entry.child = null;
      if (!this.powered) return;
      const early = Date.now() - entry.began < JUST_BEGUN_MS;
      entry.timer = setTimeout(() => this.powered && this.#start(name), early ? HELD_BACK_MS : 0);
    });
  }

  pid(name) {
    return this.processes.get(name)?.child?.pid ?? null;
  }

  get connected() {
    return ip('-n', this.lan.name, '-o', 'link', 'show', this.port).includes(' master ');
  }

  cut() {
    ip('-n', this.lan.name, 'link', 'set', this.port, 'nomaster');
  }

  join() {
    ip('-n', this.lan.name, 'link', 'set', this.port, 'master', 'lan');
  }

  // It hears and is not heard: what it sends has nowhere to go, and nobody learns from it where it is.
  mute() {
    ip('-n', this.namespace, 'link', 'set', 'eth0', 'arp', 'off');
    ip('-n', this.namespace, 'route', 'add', 'blackhole', `${this.lan.net}.0/25`);
    ip('-n', this.namespace, 'route', 'add', 'blackhole', `${this.lan.net}.128/25`);
  }

  unmute() {
    ip('-n', this.namespace, 'link', 'set', 'eth0', 'arp', 'on');
    ip('-n', this.namespace, 'route', 'del', 'blackhole', `${this.lan.net}.0/25`);
    ip('-n', this.namespace, 'route', 'del', 'blackhole', `${this.lan.net}.128/25`);
  }

  // Nothing passes between it and this address any more, or everything again.
  part(address) {
    ip('-n', this.namespace, 'route', 'add', 'blackhole', `${address}/32`);
  }

  meet(address) {
    ip('-n', this.namespace, 'route', 'del', 'blackhole', `${address}/32`);
  }

  powerOff() {
    this.powered = false;
    this.cut(); // first, so that no dying process says farewell
    for (const { timer } of this.processes.values()) clearTimeout(timer);
    killAll(this.namespace);
    // What dies with a machine but outlives a process: addresses that a daemon had added.
    const extra = lines(ip('-n', this.namespace, '-o', '-4', 'addr', 'show', 'dev', 'eth0'))
      .map((line) => /inet (\S+)/.exec(line)[1]).filter((cidr) => cidr !== `${this.address}/24`);
    for (const cidr of extra) ip('-n', this.namespace, 'addr', 'del', cidr, 'dev', 'eth0');
  }

  async powerOn(names = [...this.processes.keys()]) {
    await until(`${this.name} to be dead`, () => [...this.processes.values()].every(({ child }) => child === null));
    this.powered = true;
    this.join();
    for (const name of names) this.#start(name);
  }

  retire() {
    this.powered = false;
    for (const { timer } of this.processes.values()) clearTimeout(timer);
  }
}
