// cdk-nag's AwsSolutions (least privilege and the like) find nothing but what src/nag.ts gives a reason for, and each
// reason is for a finding.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Aspects } from 'aws-cdk-lib';
import { AwsSolutionsChecks, type INagLogger } from 'cdk-nag';
import { make } from '../src/app.js';
import { EXCUSES } from '../src/nag.js';
import { HERE, type Sale } from '../src/sale.js';
import { SALE, SHARED } from './made.js';

interface Finding {
  rule: string;
  path: string;
  reason?: string;
  finding: string;
}

function judged(sale: Sale, name: string): Finding[] {
  const out = join(HERE, `made/nag-${name}`);
  rmSync(out, { recursive: true, force: true });
  const found: Finding[] = [];
  const { app } = make(sale, out);
  const logger: INagLogger = {
    onNonCompliance: ({ ruleId, resource, findingId }) => { found.push({ rule: ruleId, path: resource.node.path, finding: findingId }); },
    onSuppressed: ({ ruleId, resource, suppressionReason, findingId }) => { found.push({ rule: ruleId, path: resource.node.path, reason: suppressionReason, finding: findingId }); },
    onError: ({ ruleId, resource, errorMessage }) => { found.push({ rule: ruleId, path: resource.node.path, finding: errorMessage }); },
    onSuppressedError: () => {}, onCompliance: () => {}, onNotApplicable: () => {},
  };
  Aspects.of(app).add(new AwsSolutionsChecks({ reports: false, logIgnores: false, additionalLoggers: [logger] }));
  app.synth();
  return found;
}

const all = [...judged(SALE, 'usual'), ...judged(SHARED, 'shared')];

test('nothing is found that has no reason', () => {
  assert.deepEqual([...new Set(all.filter(({ reason }) => reason === undefined).map(({ rule, path, finding }) => `${rule} ${path} ${finding}`))], []);
});

test('each reason excuses something, and says more than that it does', () => {
  for (const { id, where, reason } of EXCUSES) {
    assert.ok(reason.split(' ').length >= 8, reason);
    assert.ok(all.some((one) => one.rule === id && where.test(one.path.split('/').slice(1).join('/')) && one.reason === reason), `${id} ${where}`);
  }
});

test('no policy lets anybody do everything to something, or something to everything but what has no other form', () => {
  const wide = all.filter(({ rule, finding }) => rule === 'AwsSolutions-IAM5' && /^Action::\*|^Action::[a-z0-9-]+:\*$/.test(finding));
  assert.deepEqual(wide, []);
});
