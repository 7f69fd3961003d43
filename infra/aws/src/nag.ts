// nag.ts: findings of cdk-nag's AwsSolutions that are accepted, with reasons. test/nag.test.ts fails on a finding that is
// not listed, and on a line that matches no finding.

import type { Stack } from 'aws-cdk-lib';
import { NagSuppressions } from 'cdk-nag';

export interface Excuse {
  id: string;
  where: RegExp; // paths of constructs, below their stack
  reason: string;
  appliesTo?: (string | { regex: string })[];
}

export const EXCUSES: Excuse[] = [
  { id: 'AwsSolutions-ECS2', where: /^Task-/, reason: 'Settings stand in the environment, as the programs read them; what is secret comes from Secrets Manager and goes into files.' },
  { id: 'AwsSolutions-SMG4', where: /^Secret-(db-|redis-)/, reason: 'A password that changes by itself during a sale would cut connections off. It is changed between sales: the new value, the task that makes roles, a new deployment.' },
  { id: 'AwsSolutions-SMG4', where: /^Secret-(ticket|identity|draw|hold|pass|door)/, reason: 'What was signed with a key has to be believed for as long as tickets live: rings of keys are turned by `queue-front keys`, not by a timer.' },
  { id: 'AwsSolutions-SMG4', where: /^Secret-(admin-token|service-token|feed-token|hash-key)/, reason: 'All programs have to learn a new token at once; it is put there between sales, with a new deployment.' },
  { id: 'AwsSolutions-SMG4', where: /^Secret-(psp-|shop-|rds-ca|db-fairgate_reader)/, reason: 'It belongs to others, who change it and tell us.' },
  { id: 'AwsSolutions-SMG4', where: /^Word/, reason: 'CloudFront and both doors have to change at once: a deployment, between sales.' },
  { id: 'AwsSolutions-ELB2', where: /^Door/, reason: 'A log of ten million addresses is personal data that nobody reads. The edges count, and the services log one request in a thousand without addresses.' },
  { id: 'AwsSolutions-CFR3', where: /^Front/, reason: 'As for the balancer: a log of all visitors is kept by nobody.' },
  { id: 'AwsSolutions-CFR1', where: /^Front/, reason: 'A sale is for everybody who wants a ticket, wherever they are.' },
  { id: 'AwsSolutions-AEC5', where: /^Line/, reason: 'A port that is hard to guess protects nothing that the groups, TLS and a password do not.' },
  { id: 'AwsSolutions-AEC6', where: /^Line/, reason: 'One word for everybody is the older way: here are users with rights and a password (LineFront), and the default one has neither.' },
  { id: 'AwsSolutions-IAM5', where: /^Fetch-/, reason: 'A token of the registry is for the whole of it; repositories are those of this sale.' },
];

const pathOf = (stack: Stack, path: string): string => path.slice(stack.node.path.length + 1);

export function excuse(stack: Stack): void {
  for (const construct of stack.node.findAll()) {
    const path = pathOf(stack, construct.node.path);
    const fits = EXCUSES.filter(({ where }) => where.test(path));
    if (fits.length > 0) NagSuppressions.addResourceSuppressions(construct, fits.map(({ id, reason, appliesTo }) => ({ id, reason, appliesTo })));
  }
}
