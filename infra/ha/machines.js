// machines.js: machines on this one. A machine is a network namespace with one interface and one address, a folder, and the
// processes that run in it. All interfaces are connected to one switch, a bridge in a namespace of its own. This machine's
// own network gets only one interface, by which a person here can act as a visitor.
//
// Faults of a machine: kill -9 or stop one of its processes, cut its power (everything dies at once and no packet says so),
// unplug its cable (its packets vanish, the link stays up), or mute it: it receives but cannot send.
//
// A process that dies is restarted at once, or after a second if it had just started, as by systemd and runit. Every process
// gets a parent-death signal; one that detaches from its parent (PostgreSQL under Patroni) is found by its namespace. The
// next site cleans up a site that was killed.

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

  // `net`: "198.18.77": addresses of a /24. `dir`: the parent of the machines' folders. `name`: of the set; sets with other
  // names may exist at the same time.
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

  // Works after any failure, and does nothing if the site was never opened.
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

  // Creates the machine; before that there is only a folder.
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

  // Runs a process that must always run. `user`: for programs that refuse root. `onEnd`: called before it is started again.
  run(name, argv, options = {}) {
    this.processes.set(name, { name, argv, options, child: null, began: 0, timer: null });
    this.#start(name);
  }

  // Runs a process that ends; returns its output, or throws an error that contains it.
  once(argv, { user = null, env = {}, input = '', timeoutMs = 60_000 } = {}) {
    const [program, ...words] = this.inside(argv, user);
    return execFileSync(program, words, { cwd: '/', env: { ...process.env, ...env }, input, encoding: 'utf8', timeout: timeoutMs, stdio: ['pipe', 'pipe', 'pipe'] });
  }

  // The command that runs those words inside this machine.
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
      entry.options.onEnd?.();
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

  // It receives but cannot send, and no machine learns its address from it.
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

  // Drops all traffic to and from this address, or lets it pass again.
  part(address) {
    ip('-n', this.namespace, 'route', 'add', 'blackhole', `${address}/32`);
  }

  meet(address) {
    ip('-n', this.namespace, 'route', 'del', 'blackhole', `${address}/32`);
  }

  powerOff() {
    this.powered = false;
    this.cut(); // first, so that no dying process says goodbye
    for (const { timer } of this.processes.values()) clearTimeout(timer);
    killAll(this.namespace);
    // Addresses that a daemon added outlive it, but not the machine.
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
