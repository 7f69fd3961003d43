// The tasks set only what the programs support: keys of their own tables, files that exist, paths and ports that they
// serve, times that fit together. A task has no more rights than it needs.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { edgeConfig, FILES, withoutComments } from '../src/edge.js';
import { fileOf, ROOT } from '../src/sale.js';
import { SECRETS_PUT } from '../src/secrets.js';
import { PROGRAMS, type Program } from '../src/services.js';
import { ofType, only, PERSONS, personsTemplates, sharedTemplates, templates, type Template } from './made.js';

type Container = any;

const definitions = (template: Template): Map<string, Container> =>
  new Map(ofType(template, 'AWS::ECS::TaskDefinition').map(([, { Properties }]) => [(Properties.Family as string).replace(/^fairgate-(first|second)-/, ''), Properties]));
const containers = (template: Template): [string, Container][] =>
  [...definitions(template)].flatMap(([name, { ContainerDefinitions }]) => (ContainerDefinitions as Container[]).map((one): [string, Container] => [`${name}/${one.Name}`, one]));
const find = (task: string, name = task): Container => containers(templates().first).find(([path]) => path === `${task}/${name}`)![1];
const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

// [section] key pairs of the tables in C sources.
function tableOf(text: string): string[] {
  const long = [...text.matchAll(/\.section = "([a-z]+)",\s*\.key = "([a-z_]+)"/g)];
  const short = [...text.matchAll(/\{"([a-z]+)", "([a-z_]+)",\s*CONFIG_/g)];
  return [...long, ...short].map(([, section, key]) => `FAIRGATE_${section}_${key}`.toUpperCase());
}

const TABLES: Record<Program, string[]> = {
  'queue-front': ['queue-front/src/main.c'],
  'seat-service': ['seat-service/src/settings.c'],
  'payment-adapter': ['payment-adapter/src/settings.c', ...readdirSync(join(ROOT, 'payment-adapter/src/psp')).filter((name) => /^psp_.*\.c$/.test(name)).map((name) => `payment-adapter/src/psp/${name}`)],
};
const known = (program: Program): Set<string> => new Set(['common/service/service_settings.c', ...TABLES[program]].flatMap((path) => tableOf(fileOf(path))));
const settings = (task: string): Map<string, unknown> => new Map((find(task).Environment as { Name: string; Value: unknown }[]).map(({ Name, Value }) => [Name, Value]));

test('each setting is a key of the program that is given it', () => {
  for (const [task, program] of Object.entries(PROGRAMS)) {
    const table = known(program);
    assert.ok(table.size > 20, `${program} has a table`);
    for (const name of settings(task).keys()) assert.ok(table.has(name), `${program} knows no ${name}`);
  }
});

test('what a default configuration of infra/etc says is said here as well', () => {
  const left: Record<Program, string[]> = {
    'queue-front': ['FAIRGATE_REDIS_PATH', 'FAIRGATE_CONSOLE_PARTS'], // Redis is on other machines; the console is reached through a tunnel to localhost
    'seat-service': ['FAIRGATE_PRIVATE_ORIGINS'],
    'payment-adapter': ['FAIRGATE_PRIVATE_ORIGINS'],
  };
  for (const [task, program] of Object.entries(PROGRAMS)) {
    let section = '';
    const said = fileOf(`infra/etc/${program}.conf`).split('\n').flatMap((line) => {
      section = /^\[([a-z]+)\]/.exec(line)?.[1] ?? section;
      const key = /^([a-z_]+) =/.exec(line)?.[1];
      return key === undefined ? [] : [`FAIRGATE_${section}_${key}`.toUpperCase()];
    });
    assert.deepEqual(said.filter((name) => !settings(task).has(name)).sort(), left[program].sort(), task);
  }
});

test('a setting that names a file names one that is laid down, and none is laid down in vain', () => {
  for (const task of Object.keys(PROGRAMS)) {
    const laid = new Set([...textOf(find(task, 'files').Command).matchAll(/>([a-z0-9_.-]+)/g)].map(([, name]) => name!));
    const all = [...settings(task).values()].map(textOf).join(' ') + textOf(find(task, 'files').Environment) + textOf((definitions(templates().first).get(task).ContainerDefinitions as Container[]).map(({ Command }) => Command));
    const named = new Set([...all.matchAll(new RegExp(`${FILES}/([a-z0-9_.-]*[a-z0-9])`, 'g'))].map(([, name]) => name!));
    for (const name of named) assert.ok(laid.has(name) || name === 'edge.sock', `${task}: nobody lays ${name} down`);
    for (const name of laid) assert.ok(named.has(name) || name.startsWith('edge.'), `${task}: ${name} is read by nobody`);
  }
});

test('secrets that are put there by hand are those that put-secrets asks for, and no secret is a plain variable', () => {
  const script = readFileSync(join(ROOT, 'infra/aws/put-secrets'), 'utf8');
  const asked = /^files='([^']+)'/m.exec(script)![1]!.split(/\s+/);
  assert.deepEqual(asked.sort(), [...SECRETS_PUT].sort());
  for (const [path, { Environment = [] }] of containers(templates().first)) {
    for (const { Name, Value } of Environment as { Name: string; Value: unknown }[]) {
      assert.doesNotMatch(textOf(Value), /secretsmanager|PRIVATE KEY|sk_(test|live)/, `${path}: ${Name}`);
    }
  }
});

test('every database proves who it is before it gets a password', () => {
  const all = Object.keys(PROGRAMS).flatMap((task) => [...settings(task)].filter(([name]) => name.endsWith('_CONNINFO')).map(([, value]) => textOf(value)));
  assert.equal(all.length, 4);
  for (const conninfo of all) assert.match(conninfo, new RegExp(`sslmode=verify-full sslrootcert=${FILES}/(${conninfo.includes('fairgate_reader') ? 'shop' : 'rds'}-ca)\\.pem`));
});

test('images are named by digest, in parameters without a default', () => {
  for (const template of [templates().first, templates().second]) {
    for (const [path, { Image }] of containers(template)) {
      const parameter = template.Parameters[Image.Ref as string];
      assert.ok(parameter, `${path}: ${textOf(Image)} is a parameter`);
      assert.match(parameter.AllowedPattern!, /@sha256:\[0-9a-f\]\{64\}$/);
      assert.equal(parameter.Default, undefined);
    }
  }
});

test('programs run as nobody, write nowhere but among their files, and are given no rights in AWS', () => {
  for (const [path, one] of containers(templates().first)) {
    assert.equal(one.ReadonlyRootFilesystem, true, path);
    assert.notEqual(one.Privileged, true, path);
    const helper = ['files', 'roles'].includes(one.Name as string);
    assert.equal(one.User, helper ? '0' : '10001:10001', path);
    if (helper && one.Name === 'files') assert.equal(one.Essential, false, path);
  }
  for (const task of [...Object.keys(PROGRAMS), 'edge']) {
    const role = definitions(templates().first).get(task).TaskRoleArn['Fn::GetAtt'][0] as string;
    const policies = ofType(templates().first, 'AWS::IAM::Policy').filter(([, { Properties }]) => textOf(Properties.Roles).includes(role));
    assert.deepEqual(policies.map(([id]) => id), [], task);
  }
});

// Which page each check asks for, if curl ends with these statuses.
function asked(task: string, ...answers: number[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'fairgate-alive-'));
  const check = `curl() { echo "$6" >&2; return $ANSWER; }\n${(find(task, 'alive').HealthCheck.Command[1] as string).replace(FILES, dir)}`;
  const pages = answers.map((ANSWER) => spawnSync('/bin/sh', ['-c', check], { env: { ANSWER: `${ANSWER}` }, encoding: 'utf8' }).stderr.trim());
  rmSync(dir, { recursive: true });
  return pages;
}

test('a task is asked for its health where the program answers, at first whether it can work, and has the time to drain that it was promised', () => {
  const service = fileOf('common/service/service_private.c');
  for (const page of ['healthz', 'followz']) assert.ok(service.includes(`"/${page}"`));
  const seconds = (value: unknown) => Number(/^(\d+)s$/.exec(value as string)![1]);
  for (const task of Object.keys(PROGRAMS)) {
    const told = settings(task);
    const page = (name: string) => `http://127.0.0.1:${told.get('FAIRGATE_PRIVATE_PORT')}/${name}`;
    assert.deepEqual(asked(task, 22, 0, 22, 0), [page('followz'), page('followz'), page('healthz'), page('healthz')]);
    const unit = fileOf('infra/systemd/service.service');
    const stop = find(task).StopTimeout as number;
    assert.equal(stop, Number(/^TimeoutStopSec=(\d+)s$/m.exec(unit)![1]), task);
    assert.ok(seconds(told.get('FAIRGATE_HTTP_DRAIN_DELAY')) + seconds(told.get('FAIRGATE_HTTP_DRAIN_TIMEOUT')) < stop, task);
    assert.equal(find(task).Ulimits[0].SoftLimit, Number(/^LimitNOFILE=(\d+)$/m.exec(unit)![1]), task);
  }
  const target = only(templates().first, 'AWS::ElasticLoadBalancingV2::TargetGroup');
  const edge = textOf(find('edge', 'files').Environment.find(({ Name }: { Name: string }) => Name === 'FILE_EDGE_CFG').Value);
  assert.match(edge.replaceAll('\\n', '\n'), new RegExp(`^frontend health from basics\n +bind :${target.HealthCheckPort}\n +monitor-uri ${target.HealthCheckPath}$`, 'm'), 'a full edge still answers there');
});

const isHaproxy = ([, { EntryPoint, Command }]: [string, Container]): boolean => (EntryPoint ?? Command)?.[0] === 'haproxy';

test('HAProxy gets our settings and none of its image, and has an allocator that gives back what a crowd took', () => {
  for (const [path, { EntryPoint = [], Command, Environment }] of containers(templates().first).filter(isHaproxy)) {
    assert.deepEqual([EntryPoint, Command], [['haproxy'], ['-db', '-f', `${FILES}/edge.cfg`]], path);
    const preload = /^Environment=LD_PRELOAD=(.+)$/m.exec(fileOf('infra/edge/allocator.conf'))![1];
    assert.deepEqual(Environment, [{ Name: 'LD_PRELOAD', Value: preload }], path);
  }
});

test('wherever HAProxy runs it may open two files for each connection that it is to take', () => {
  const running = containers(templates().first).filter(isHaproxy);
  assert.deepEqual(running.map(([path]) => path), ['edge/edge', 'payment-adapter/inside']);
  const wants = running.map(([path, { Ulimits = [] }]) => {
    const { Value } = (find(path.split('/')[0]!, 'files').Environment as { Name: string; Value: unknown }[]).find(({ Name }) => Name === 'FILE_EDGE_CFG')!;
    const maxconn = Number(/ maxconn (\d+)/.exec(textOf(Value))![1]);
    assert.ok(Ulimits[0]?.HardLimit > 2 * maxconn, path);
    return maxconn;
  });
  assert.deepEqual(wants, [253_000, 66_000], 'a fifth of a million visitors with room, and the services');
});

test('a version that does not start is given up, and none comes back by itself', () => {
  for (const [id, { Properties }] of ofType(templates().first, 'AWS::ECS::Service')) assert.deepEqual(Properties.DeploymentConfiguration.DeploymentCircuitBreaker, { Enable: true, Rollback: false }, id);
});

test('the waiting room hears how many seats are free from next to each adapter, by a token of its own', () => {
  const { Command, Essential, RestartPolicy, Secrets } = find('payment-adapter', 'feed');
  assert.deepEqual([Command, Essential, RestartPolicy.Enabled, Secrets], [['--profiles', `${FILES}/profiles`, 'feed'], false, true, undefined]);
  for (const task of ['queue-front', 'seats-a', 'seats-b']) assert.equal(settings(task).get('FAIRGATE_PRIVATE_FEED_TOKEN_FILE'), `${FILES}/feed-token`);
});

test('the two seat services are replaced one after the other', () => {
  const second = ofType(templates().first, 'AWS::ECS::Service').find(([id]) => id.startsWith('Serviceseatsb'))![1];
  assert.ok(second.DependsOn!.some((id) => id.startsWith('Serviceseatsa')));
});

test('where the seats are shared no two processes have one name: the old one ends before the new one begins', () => {
  const told = (template: Template): [string, unknown][] => ofType(template, 'AWS::ECS::Service')
    .filter(([id]) => id.startsWith('Serviceseats'))
    .map(([id, { Properties: { DeploymentConfiguration: { MinimumHealthyPercent: least, MaximumPercent: most } } }]) => [id.slice(0, 'Serviceseatsa'.length), [least, most]]);
  assert.deepEqual(told(sharedTemplates().first), [['Serviceseatsa', [0, 100]], ['Serviceseatsb', [0, 100]]]);
  assert.deepEqual(told(templates().first), [['Serviceseatsa', [100, 200]], ['Serviceseatsb', [100, 200]]]);
});

test('HAProxy accepts the edge that is laid down, alone and next to the adapter', (context) => {
  const dir = mkdtempSync(join(tmpdir(), 'fairgate-edge-'));
  context.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'edge.trusted.lst'), '10.64.0.0/24\n');
  for (const [inside, shared] of [[undefined, false], ['127.0.0.1', false], [undefined, true], ['127.0.0.1', true]] as const) {
    const whole = withoutComments(edgeConfig({ bind: ':8080', inside, domain: 'fairgate.internal', event: 'tour', shared }));
    assert.equal([...whole.matchAll(/^ +use-server %/gm)].length, shared ? (inside === undefined ? 4 : 5) : 0);
    writeFileSync(join(dir, 'edge.cfg'), whole.replaceAll(FILES, dir).replaceAll('/usr/share/fairgate/edge', join(ROOT, 'infra/edge')));
    const { status, stderr } = spawnSync('haproxy', ['-c', '-q', '-f', join(dir, 'edge.cfg')], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stderr, /ALERT|WARNING/);
  }
});

test('where both processes share the seats each says where it is, by the name that the edges know; otherwise neither does', () => {
  const told = (template: Template, task: string): Record<string, unknown> => {
    const [, one] = containers(template).find(([path]) => path === `${task}/${task}`)!;
    return Object.fromEntries((one.Environment as { Name: string; Value: unknown }[]).map(({ Name, Value }) => [Name, Value]));
  };
  for (const name of ['seats-a', 'seats-b']) {
    const shares = told(sharedTemplates().first, name), alone = told(templates().first, name);
    assert.equal(shares.FAIRGATE_JOURNAL_INSTANCE, name);
    assert.equal(String(shares.FAIRGATE_OWNER_OWNERS), '2');
    assert.ok(textOf(shares.FAIRGATE_OWNER_ADDRESS).includes(`${name}.`) && textOf(shares.FAIRGATE_OWNER_ADDRESS).includes(':8082'));
    assert.ok(textOf(shares.FAIRGATE_OWNER_PRIVATE_ADDRESS).includes(':8092'));
    assert.deepEqual(Object.keys(alone).filter((key) => key.startsWith('FAIRGATE_OWNER_')), []);
  }
});

test('a description of a task fits into the 64 KB that AWS has for it', () => {
  for (const [name, properties] of definitions(templates().first)) assert.ok(JSON.stringify(properties).length < 60_000, `${name}: ${JSON.stringify(properties).length}`);
});

test('operators are persons where the sale names an issuer, with its public keys as a file, and nobody gets a way out for it', () => {
  for (const { first, second } of [templates(), sharedTemplates()]) for (const template of [first, second]) assert.doesNotMatch(JSON.stringify(template), /FAIRGATE_OPERATORS/);
  for (const [task, program] of Object.entries(PROGRAMS)) {
    const of = (name: string): Container => containers(personsTemplates().first).find(([path]) => path === `${task}/${name}`)![1];
    const given = (of(task).Environment as { Name: string; Value: string }[]).filter(({ Name }) => Name.startsWith('FAIRGATE_OPERATORS_'));
    assert.deepEqual(Object.fromEntries(given.map(({ Name, Value }) => [Name, Value])), {
      FAIRGATE_OPERATORS_ISSUER: PERSONS.operators!.issuer, FAIRGATE_OPERATORS_AUDIENCE: PERSONS.operators!.audience,
      FAIRGATE_OPERATORS_KEYS: `${FILES}/operators-jwks.json`, FAIRGATE_OPERATORS_ROLE_PREFIX: 'fairgate-',
    });
    for (const { Name } of given) assert.ok(known(program).has(Name), Name);
    assert.match(textOf(of('files').Command), />operators-jwks\.json/);
    const { keys } = JSON.parse((of('files').Environment as { Name: string; Value: string }[]).find(({ Name }) => Name === 'FILE_OPERATORS_JWKS_JSON')!.Value) as { keys: Record<string, string>[] };
    assert.deepEqual(keys.map((key) => Object.keys(key).sort().join()), ['alg,e,kid,kty,n,use', 'alg,crv,kid,kty,use,x,y']);
  }
  const rules = (template: Template) => ['AWS::EC2::SecurityGroupEgress', 'AWS::EC2::SecurityGroup', 'AWS::EC2::Route', 'AWS::Route53Resolver::FirewallDomainList'].map((type) => ofType(template, type));
  assert.deepEqual(rules(personsTemplates().first), rules(templates().first));
});
