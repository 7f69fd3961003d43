// Templates are the same on every machine, without an account or a network. The tree contains no account, key or address of
// a real installation.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { HERE } from '../src/sale.js';
import { SALE, SHARED } from './made.js';
import { makeInto, textsIn } from './making.js';

const files = readdirSync(HERE, { recursive: true, encoding: 'utf8' }).filter((name) => !/^(node_modules|made)(\/|$)/.test(name) && statSync(join(HERE, name)).isFile());

const MADE = ['usual', 'shared'].map((name) => join(HERE, 'made', name));

test('two makings are the same to the byte, whatever AWS says of the machine, and open no connection', () => {
  const connect = Socket.prototype.connect;
  const kept = { ...process.env };
  Socket.prototype.connect = () => { throw new Error('to make templates takes no network'); };
  try {
    Object.assign(process.env, { CDK_DEFAULT_ACCOUNT: '1'.repeat(12), CDK_DEFAULT_REGION: 'eu-west-1', AWS_REGION: 'eu-west-1', AWS_PROFILE: 'nobody' });
    assert.deepEqual(textsIn(makeInto(SALE, 'usual-again')), textsIn(MADE[0]!));
    assert.deepEqual(textsIn(makeInto(SHARED, 'shared-again')), textsIn(MADE[1]!));
  } finally {
    Socket.prototype.connect = connect;
    process.env = kept;
  }
});

test('templates name no account, need no bootstrap, carry no assets and fit into what CloudFormation takes', () => {
  for (const [name, text] of MADE.flatMap((dir) => Object.entries(textsIn(dir)))) {
    assert.doesNotMatch(text, /\b\d{12}\b/, `${name}: an account`);
    assert.doesNotMatch(text, /cdk-hnb659fds|BootstrapVersion|AssetParameters/, name);
    assert.ok(text.length < 1_000_000, `${name}: ${text.length}`);
    assert.ok(Object.keys((JSON.parse(text) as { Resources: object }).Resources).length <= 500, name);
  }
});

// Patterns that would belong to a real installation.
const SOMEBODYS: [string, RegExp][] = [
  ['an account', /(?<![\d.x_-])\d{12}(?![\d.-])/],
  ['an access key', /\b(AKIA|ASIA)[A-Z0-9]{16}\b/],
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ["a provider's key", /\b(sk|rk)_(live|test)_[A-Za-z0-9]{8,}|\bwhsec_[A-Za-z0-9]{8,}/],
  ['an address of a registry or an account', /\d{12}\.dkr\.ecr\./],
  ['a hosted zone', /\bZ0[A-Z0-9]{12,}\b/],
];

test('no account and no secret is in the tree', () => {
  assert.ok(files.length > 25);
  for (const name of files.filter((one) => one !== 'package-lock.json')) {
    const text = readFileSync(join(HERE, name), 'utf8');
    for (const [what, pattern] of SOMEBODYS) assert.doesNotMatch(text, pattern, `${name}: ${what}`);
  }
});

test('that check finds what it looks for', () => {
  const found = (text: string) => SOMEBODYS.filter(([, pattern]) => pattern.test(text)).map(([what]) => what);
  assert.deepEqual(found(`arn:aws:iam::${'4'.repeat(12)}:role/x`), ['an account']);
  assert.deepEqual(found(`AKIA${'A'.repeat(16)}`), ['an access key']);
  assert.deepEqual(found(`-----BEGIN ${'PRIVATE'} KEY-----`), ['a private key']);
  assert.deepEqual(found(`sk_${'live'}_abcdefgh12`), ["a provider's key"]);
});
