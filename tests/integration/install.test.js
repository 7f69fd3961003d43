// make install: everything is below DESTDIR, programs accept their default configs, the units are valid, and a config that
// was changed is kept.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { anchorsOf, blocksOf, linksOf, targetOf } from '../../infra/docs/pages.js';
import { openScope, programPath, ROOT } from '../lib-js/index.js';
import { EVERY_RULE, ruleGroups } from '../lib-js/observe.js';
import { blocksTyped } from '../packages/typed.js';

const SERVICES = ['queue-front', 'seat-service', 'payment-adapter'];

function install(destdir, prefix = '/opt/fairgate') {
  const build = dirname(dirname(programPath('queue-front')));
  return execFileSync(join(ROOT, 'infra/install'), [build, destdir, prefix], {
    encoding: 'utf8',
  });
}

// One installation for all tests that change nothing in it.
const whole = openScope(test).tempDir();
const said = install(whole);
const at = (path) => join(whole, 'opt/fairgate', path);

test('an installation is below DESTDIR, and its programs accept its configs', () => {
  for (const line of said.trimEnd().split('\n')) assert.ok(existsSync(line.trim()), line);
  for (const service of SERVICES) {
    assert.equal(statSync(at(`bin/${service}`)).mode & 0o777, 0o755);
    const config = at(`etc/fairgate/${service}.conf`);
    const argv = ['--check-config', '--config', config];
    const checked = spawnSync(at(`bin/${service}`), argv, { encoding: 'utf8' });
    assert.equal(checked.status, 0, `${service}: ${checked.stdout}${checked.stderr}`);
  }
  for (const path of ['LICENSE', 'secrets', 'edge/haproxy.cfg', 'queue-front/openapi.yaml']) {
    assert.ok(existsSync(at(`share/fairgate/${path}`)), path);
  }
  // Each alert links to an existing page, in two languages with the same commands, and each link on these pages works.
  const share = at('share/fairgate');
  const { runbook_url: url } = ruleGroups(EVERY_RULE)[0].rules[0].annotations;
  const [english, korean] = ['', 'ko/'].map((folder) => join(share, url.replace(/^file:\/\/\/usr\/share\/fairgate\/|#.*$/g, '').replace('docs/', `docs/${folder}`)));
  const read = (file) => readFileSync(join(share, file), 'utf8');
  for (const page of readdirSync(share, { recursive: true }).filter((name) => name.endsWith('.md'))) {
    for (const target of linksOf(read(page))) {
      const { file, anchor } = targetOf(page, target) ?? { file: page, anchor: null };
      assert.ok(existsSync(join(share, file)) && (anchor === null || anchorsOf(read(file)).has(anchor)), `${page}: ${target}`);
    }
  }
  const named = readFileSync(join(ROOT, 'infra/debian/fairgate-common.README.Debian'), 'utf8').matchAll(/\/usr\/share\/(fairgate\/[\w/.-]*\w)/g);
  for (const [, file] of named) assert.ok(existsSync(at(`share/${file}`)), file);
  const commands = (page) => blocksOf(readFileSync(page, 'utf8')).map(({ text }) => text).sort();
  assert.ok(commands(english).length > 70);
  assert.deepEqual(commands(korean), commands(english));
  const made = execFileSync(at('share/fairgate/edge/fairgate-edge'), [at('etc/fairgate/edge.conf')], { encoding: 'utf8' });
  assert.match(made, /^ {4}server fronts-1 127\.0\.0\.1:8081 check port 8091$/m);
});

test('the command line comes with its page of the manual and with completion that its shells take', () => {
  assert.match(execFileSync(at('bin/fairgate'), ['version'], { encoding: 'utf8' }), /^fairgate \d+\.\d+\.\d+$/m);
  assert.equal(JSON.parse(readFileSync(at('share/fairgate/halls/theatre.json'), 'utf8')).categories.length, 3);
  const page = spawnSync('groff', ['-man', '-Tutf8', '-ww', at('share/man/man1/fairgate.1')], { encoding: 'utf8' });
  if (page.error?.code !== 'ENOENT') assert.deepEqual([page.status, page.stderr], [0, '']);
  const words = ['fairgate', 'halls', 'b'];
  const script = `. ${at('share/bash-completion/completions/fairgate')}; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=2; _fairgate; echo "\${COMPREPLY[@]}"`;
  assert.equal(execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim(), 'block');
  assert.match(readFileSync(at('share/zsh/site-functions/_fairgate'), 'utf8'), /^#compdef fairgate$/m);
});

const secretsOf = (config) => [...new Set([...config.replace(/^\s*#.*$/gm, '').matchAll(/\/etc\/fairgate\/secrets\/([\w.-]+)/g)].map((m) => m[1]))].sort();

test('units pass exactly the secrets that a config names', async (t) => {
  const scope = openScope(t);
  const destdir = scope.tempDir();
  install(destdir);
  const at = (path) => join(destdir, 'opt/fairgate', path);
  const secrets = at('etc/fairgate/secrets');
  mkdirSync(secrets);
  for (const service of SERVICES) {
    const unit = readFileSync(at(`lib/systemd/system/fairgate-${service}.service`), 'utf8');
    const script = readFileSync(at('share/fairgate/hand-over'), 'utf8');
    const config = at(`etc/fairgate/${service}.conf`);
    assert.doesNotMatch(unit + script + readFileSync(config, 'utf8'), /@[A-Z]+@/);
    assert.match(unit, new RegExp(`^ExecStart=/opt/fairgate/bin/${service} `, 'm'));
    assert.match(unit, /^After=.* time-sync\.target /m);
    for (const when of ['ExecStartPre', 'ExecReload']) assert.match(unit, new RegExp(`^${when}=\\+nsenter --target 1 --mount /opt/fairgate/share/fairgate/hand-over ${service}$`, 'm'));
    assert.match(unit, new RegExp(`^BindReadOnlyPaths=/run/fairgate-${service}:/opt/fairgate/etc/fairgate/secrets$`, 'm'));
    // As the unit runs it, with this test's tree as the root and a process that receives the signal.
    const [uptime, tools] = [join(scope.tempDir(), 'uptime'), scope.tempDir()];
    writeFileSync(uptime, '60.00 1.00\n');
    const rooted = (text) => text.replaceAll('/opt/fairgate/etc', at('etc')).replaceAll('/proc/uptime', uptime);
    writeFileSync(config, `${rooted(readFileSync(config, 'utf8'))}\nfirst = "${secrets}/first, ${secrets}/second"\n`);
    const named = [...secretsOf(readFileSync(config, 'utf8')), 'third'].sort();
    for (const name of [...named, 'another']) writeFileSync(join(secrets, name), '1');
    const given = scope.tempDir();
    const handOver = (env = {}) => spawnSync('sh', ['-c', rooted(script), 'hand-over', service], { encoding: 'utf8', env: { PATH: `${tools}:${process.env.PATH}`, RUNTIME_DIRECTORY: given, FAIRGATE_THIRD_FILE: join(secrets, 'third'), ...env } });
    assert.deepEqual([handOver().stderr, readdirSync(given).sort()], ['', named], service);
    for (const name of named) assert.equal(statSync(join(given, name)).mode & 0o777, 0o400);
    const child = spawn('sh', ['-c', 'trap "exit 7" HUP; echo up; while :; do sleep 0.05; done'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const MAINPID = String(child.pid);
    // A missing secret leaves the others unchanged, and the service is not signalled.
    writeFileSync(join(secrets, 'admin-token'), '2');
    rmSync(join(secrets, 'second'));
    const failed = handOver({ MAINPID });
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /secrets\/second': No such file/);
    assert.deepEqual(readdirSync(given).sort(), named);
    assert.equal(readFileSync(join(given, 'admin-token'), 'utf8'), '1');
    writeFileSync(config, readFileSync(config, 'utf8').replace(/, .*second/, ''));
    assert.equal(handOver({ MAINPID }).status, 0);
    assert.deepEqual(await once(child, 'exit'), [7, null]);
    assert.equal(readFileSync(join(given, 'admin-token'), 'utf8'), '2');
    assert.deepEqual(readdirSync(given).sort(), named);
    assert.deepEqual(readdirSync(dirname(given)).filter((name) => name.startsWith(`${basename(given)}.`)), []);
    // In the first minute after a boot it waits until the clock is synchronised.
    writeFileSync(join(tools, 'timedatectl'), `#!/bin/sh\necho asked >>${tools}/asked\n[ "$(wc -l <${tools}/asked)" = 1 ] && echo no || echo yes\n`, { mode: 0o755 });
    for (const up of ['59.99', '60.00']) {
      writeFileSync(uptime, `${up} 1.00\n`);
      assert.equal(handOver().status, 0);
      assert.equal(readFileSync(join(tools, 'asked'), 'utf8'), 'asked\nasked\n', up);
    }
  }
});

test('the script that makes secrets makes every file that a unit hands over, each for its owner alone', (t) => {
  const dir = join(openScope(t).tempDir(), 'secrets');
  const made = () => execFileSync(at('share/fairgate/secrets'), [dir]) && readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'utf8')]);
  const first = made();
  for (const service of SERVICES) {
    for (const name of secretsOf(readFileSync(at(`etc/fairgate/${service}.conf`), 'utf8'))) {
      assert.ok(first.some(([one]) => one === name), `${service}: ${name}`);
      assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600, name);
    }
  }
  assert.deepEqual(made(), first, 'what is there is kept');
});

test('units are sound', (t) => {
  const dir = openScope(t).tempDir();
  for (const service of SERVICES) {
    const name = `fairgate-${service}.service`;
    const unit = join(dir, name);
    // systemd searches for the programs at the unit's paths: for this check they are below DESTDIR.
    writeFileSync(unit, readFileSync(at(`lib/systemd/system/${name}`), 'utf8').replaceAll('=/opt/', `=${whole}/opt/`));
    const verified = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    if (verified.error?.code === 'ENOENT') return; // a machine without systemd runs no units
    assert.equal(verified.status, 0, verified.stderr);
    const own = verified.stderr.split('\n').filter((line) => line.includes(`${name}:`));
    assert.deepEqual(own, []);
  }
});

// The score of `systemd-analyze security`, out of ten; infra/README.md has it.
const EXPOSURE = { 'queue-front': 1.2, 'seat-service': 1.2, 'payment-adapter': 1.2 };

test('units are as confined as the README says and filter system calls', () => {
  for (const [service, most] of Object.entries(EXPOSURE)) {
    const unit = at(`lib/systemd/system/fairgate-${service}.service`);
    const said = spawnSync('systemd-analyze', ['security', '--no-pager', '--offline=true', `--threshold=${most * 10}`, unit], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
    if (said.error?.code === 'ENOENT') return; // a machine without systemd runs no units
    assert.equal(said.status, 0, said.stdout + said.stderr);
    assert.match(said.stdout, new RegExp(`Overall exposure level for fairgate-${service}.service: ${most}`));
    const text = readFileSync(unit, 'utf8');
    const filters = [...text.matchAll(/^SystemCallFilter=(.*)$/gm)].map(([, filter]) => filter);
    assert.deepEqual(filters, ['@system-service', '~@privileged @resources'], service);
    assert.doesNotMatch(text, /^SupplementaryGroups=/m, `${service}: a machine without that group would not start it`);
    for (const line of ['NoNewPrivileges=yes', 'CapabilityBoundingSet=', 'ProtectSystem=strict', 'SystemCallArchitectures=native', 'DynamicUser=yes'])
      assert.ok(text.split('\n').includes(line), `${service}: ${line}`);
  }
});

test('a changed config is kept, and the new one is installed as .new', (t) => {
  const destdir = openScope(t).tempDir();
  install(destdir);
  const config = join(destdir, 'opt/fairgate/etc/fairgate/queue-front.conf');
  appendFileSync(config, '# ours\n');
  install(destdir);
  assert.match(readFileSync(config, 'utf8'), /# ours\n$/);
  assert.ok(existsSync(`${config}.new`));
});

// ---- the Debian packages: what of it can be judged without making them (tests/packages does) ----

const packaging = (name) => readFileSync(join(ROOT, 'infra/debian', name), 'utf8');

test('each installed file is in one Debian package or listed as in none', (t) => {
  const destdir = openScope(t).tempDir();
  const installed = install(destdir, '/usr').trimEnd().split('\n').map((line) => line.trim().slice(destdir.length + 1));
  const lists = readdirSync(join(ROOT, 'infra/debian')).filter((name) => /\.(install|manpages)$|^not-installed$/.test(name));
  const rows = lists.flatMap((name) => packaging(name).match(/^[^#\s]+/gm)).map((row) => row.replace(/^debian\/tmp\//, ''));
  const isIn = (path) => (row) => path === row || path.startsWith(`${row}/`);
  for (const path of installed) assert.equal(rows.filter(isIn(path)).length, 1, path);
  for (const row of rows) assert.ok(installed.some((path) => isIn(path)(row)), row);
});

test('programs, packages, contracts and CHANGELOG.md have the version of VERSION', () => {
  const read = (path) => readFileSync(join(ROOT, path), 'utf8');
  const version = read('VERSION').trim();
  assert.match(version, /^\d+\.\d+\.\d+$/);
  assert.equal(/^fairgate \((\S+)\)/.exec(packaging('changelog'))[1], version);
  assert.ok(read('CHANGELOG.md').includes(`\n## ${version}`));
  for (const service of SERVICES) {
    assert.equal(execFileSync(programPath(service), ['--version'], { encoding: 'utf8' }), `${service} ${version}\n`);
    assert.equal(/^  version: (\S+)$/m.exec(read(`${service}/openapi.yaml`))[1], version, service);
  }
  assert.equal(execFileSync(programPath('fairgate'), ['version'], { encoding: 'utf8' }), `fairgate ${version}\n`);
});

test('each commit has its own version, before or after a release', (t) => {
  const dir = openScope(t).tempDir('version-');
  const git = (...args) => execFileSync('git', ['-C', dir, '-c', 'user.name=a', '-c', 'user.email=a@b.example', ...args], { encoding: 'utf8' });
  const version = () => execFileSync(join(ROOT, 'infra/version'), [dir], { encoding: 'utf8' }).trim();
  const commit = () => git('commit', '-q', '--allow-empty', '-m', 'x');
  writeFileSync(join(dir, 'VERSION'), '1.2.0\n');
  assert.equal(version(), '1.2.0');
  git('init', '-q');
  git('add', '.');
  const found = [];
  for (const step of [commit, commit, () => git('tag', 'v1.2.0'), commit, () => appendFileSync(join(dir, 'VERSION'), '\n')]) {
    step();
    found.push(version());
  }
  const hash = '[0-9a-f]{8}';
  assert.match(found.join(' '), new RegExp(`^1.2.0~git1.${hash} 1.2.0~git2.${hash} 1.2.0 1.2.0\\+git3.${hash} 1.2.0\\+git3.${hash}.changed$`));
  for (let n = 1; n < found.length; n += 1) execFileSync('dpkg', ['--compare-versions', found[n - 1], 'lt', found[n]]);
});

// tests/packages/guide.test.js types all of it.
const GUIDE = readFileSync(join(ROOT, 'infra/ha/GUIDE'), 'utf8');

test('step 5 of the guide draws no secrets if another machine has them', (t) => {
  const dir = openScope(t).tempDir('guide-');
  const [, step] = /^(5\. [^]*?)^6\. /m.exec(GUIDE);
  const script = blocksTyped(step).join('').replaceAll('/etc/fairgate', dir);
  mkdirSync(join(dir, 'share'));
  for (const [name, path] of [['secrets', 'infra/stack/secrets'], ['ha', 'infra/ha/etc']]) symlinkSync(join(ROOT, path), join(dir, 'share', name));
  const typed = (ssh) => spawnSync('bash', ['-ec', `one=10.0.0.1 two=10.0.0.2 three=10.0.0.3 share=${dir}/share tls=${dir}/tls\nssh() { ${ssh}; }\nscp() { echo "$*"; }\n${script}`], { encoding: 'utf8' });
  const refused = typed('[[ "$*" != *"3 test"* ]] || return 0; return 1');
  assert.deepEqual([refused.status, existsSync(join(dir, 'secrets'))], [1, false]);
  assert.match(refused.stdout, /^there are secrets already/);
  assert.equal(typed('[[ "$*" != *test* ]]').stdout, [2, 3].map((other) => `-rp ${dir}/secrets ${dir}/tls 10.0.0.${other}:${dir}/\n`).join(''));
});

test('machines of the guide have no service left on 127.0.0.1 that another one calls', () => {
  for (const service of SERVICES) {
    const conf = readFileSync(join(ROOT, `infra/etc/${service}.conf`), 'utf8');
    for (const [, section, keys] of conf.matchAll(/^\[(\w+)\]\n([^[]*)/gm))
      for (const [, key] of keys.matchAll(/^(\w+) = "http:\/\/127\.0\.0\.1/gm)) assert.match(GUIDE, new RegExp(`^ +FAIRGATE_${section}_${key}=http://\\$`, 'im'), service);
  }
});

test('the libraries that the packages are built from are those that infra/deps installs', () => {
  const built = /^Build-Depends:([^]*?)\n\n/m.exec(packaging('control'))[1].split(',').map((each) => each.trim());
  const deps = [...readFileSync(join(ROOT, 'infra/deps'), 'utf8').matchAll(/^run +(\S+-dev|node-llhttp|brotli|tzdata) /gm)].map(([, name]) => name);
  assert.deepEqual(built.filter((each) => !each.startsWith('debhelper')), deps.sort());
});
