// The programs themselves validate their tasks: the first container's script runs, and each program reads the files and
// variables that it would find.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { FILES } from '../src/edge.js';
import { BIN, ROOT } from '../src/sale.js';
import { PROGRAMS } from '../src/services.js';
import { ofType, sharedTemplates, templates, type Template } from './made.js';

const dir = mkdtempSync(join(tmpdir(), 'fairgate-aws-'));
after(() => rmSync(dir, { recursive: true }));

interface Container {
  Name: string;
  Command: string[];
  Environment?: { Name: string; Value: unknown }[];
  Secrets?: { Name: string }[];
}

const containers = (template: Template, task: string): Container[] =>
  ofType(template, 'AWS::ECS::TaskDefinition').find(([, { Properties }]) => (Properties.Family as string).endsWith(`-${task}`))![1].Properties.ContainerDefinitions as Container[];

// Resolves a value as CloudFormation would; names that only AWS knows become placeholders.
function resolved(value: unknown): string {
  if (typeof value === 'string') return value;
  const join = (value as { 'Fn::Join'?: [string, unknown[]] })['Fn::Join'];
  return join === undefined ? 'host-of-aws.example' : join[1].map(resolved).join(join[0]);
}

const secrets = join(dir, 'secrets');
spawnSync(join(ROOT, 'infra/stack/secrets'), [secrets]);

// A passfile contains the role's password; secrets that AWS or others make are placeholders.
function secretOf(file: string): string {
  const path = join(secrets, file.replace(/^pgpass-/, 'db-'));
  return existsSync(path) ? readFileSync(path, 'utf8').trimEnd() : 'some-text-of-others';
}

function laidDown(template: Template, task: string): string {
  const files = join(dir, `${task}-${readdirSync(dir).length}`);
  mkdirSync(files);
  const first = containers(template, task).find(({ Name }) => Name === 'files')!;
  const script = first.Command[2]!.replaceAll(FILES, files).replace(/^chown .*$/m, '');
  const names = new Map([...script.matchAll(/\$\{(FILE_[A-Z0-9_]+)-\}" >(\S+)/g)].map(([, variable, file]) => [variable!, file!]));
  const env = Object.fromEntries([
    ...(first.Environment ?? []).map(({ Name, Value }) => [Name, resolved(Value)]),
    ...(first.Secrets ?? []).map(({ Name }) => [Name, secretOf(names.get(Name)!)]),
  ]) as Record<string, string>;
  const { status, stderr } = spawnSync('sh', ['-c', script], { env: { PATH: process.env['PATH']!, ...env }, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.deepEqual(Object.keys(env).sort(), [...names.keys()].sort(), 'each variable is a file, and each file has its variable');
  return files;
}

for (const [task, program] of Object.entries(PROGRAMS)) {
  for (const [how, all] of [['alone', templates], ['shared', sharedTemplates]] as const) {
    test(`${program} accepts what ${task} is given (seats ${how})`, () => {
      const files = laidDown(all().first, task);
      for (const name of readdirSync(files)) assert.equal(statSync(join(files, name)).mode & 0o777, 0o600, name);
      const main = containers(all().first, task).find(({ Name }) => Name === task)!;
      const env = Object.fromEntries(main.Environment!.map(({ Name, Value }) => [Name, resolved(Value).replaceAll(FILES, files)]));
      const { status, stdout, stderr, error } = spawnSync(join(BIN, program), ['--check-config'], { env, encoding: 'utf8' });
      assert.equal(status, 0, `${error ?? ''}${stdout}${stderr}`);
    });
  }
}

test('fairgate accepts the profile of the feed that is laid down', () => {
  const profiles = join(laidDown(templates().first, 'payment-adapter'), 'profiles');
  const text = readFileSync(profiles, 'utf8');
  assert.deepEqual([...text.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => port), ['8091', '8092']);
  writeFileSync(profiles, text.replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:1').replaceAll(FILES, dirname(profiles)));
  const { status, stderr } = spawnSync(join(BIN, 'fairgate'), ['--profiles', profiles, 'feed', '--once'], { encoding: 'utf8' });
  assert.equal(status, 3, `it asks and gets no answer: ${stderr}`);
});
