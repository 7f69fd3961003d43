// secrets.ts: the secrets, which programs read as files in the form of `infra/stack/secrets`.
//
// Secrets Manager generates those that are random text. Secrets with a form of their own (key rings, PEM) are made by
// `infra/stack/secrets DIR`. `./put-secrets NAME DIR` stores these, and those that others gave us.

import { RemovalPolicy, type Stack } from 'aws-cdk-lib';
import * as sm from 'aws-cdk-lib/aws-secretsmanager';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Sale } from './sale.js';

// Made by AWS, with this many letters and digits.
const MADE = { 'admin-token': 64, 'service-token': 64, 'feed-token': 64, 'hash-key': 64, 'db-seat_service': 48, 'db-payment_adapter': 48, 'redis-password': 48 } as const;
// Made by infra/stack/secrets, or given by others: the provider, the shop (with its database's certificate authority), AWS (RDS's).
const PUT = [
  'ticket-keys', 'identity-keys', 'draw-keys', 'pass-es256.pem', 'hold-keys', 'door-ed25519.pem',
  'psp-key', 'psp-webhook-secret', 'shop-api-key', 'shop-ca.pem', 'db-fairgate_reader', 'rds-ca.pem',
] as const;

export type SecretName = keyof typeof MADE | (typeof PUT)[number];
export type Secrets = Record<SecretName, sm.ISecret>;
export const SECRETS_PUT: readonly string[] = PUT;
export const SECRETS: readonly string[] = [...Object.keys(MADE), ...PUT];

export const secretPath = (sale: Sale, name: string): string => `${sale.name}/${name}`;

// The second region has replicas of the secrets, so that a ticket is valid in both.
export function secretsOf(stack: Stack, sale: Sale, encryptionKey: IKey, follows: boolean): Secrets {
  const one = (name: string, length: number): sm.ISecret => follows
    ? sm.Secret.fromSecretNameV2(stack, `Secret-${name}`, secretPath(sale, name))
    : new sm.Secret(stack, `Secret-${name}`, {
      secretName: secretPath(sale, name), encryptionKey, removalPolicy: RemovalPolicy.RETAIN,
      generateSecretString: { passwordLength: length, excludePunctuation: true },
      replicaRegions: sale.second === undefined ? [] : [{ region: sale.second.region }],
    });
  return Object.fromEntries([...Object.entries(MADE), ...PUT.map((name) => [name, 32] as const)].map(([name, length]) => [name, one(name, length)])) as Secrets;
}
