// roles.ts: a task that creates the role of each service in its database, with the rights that infra/ha gives it. All
// other roles lose access. Run it by hand, once, and again after each new password.

import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sm from 'aws-cdk-lib/aws-secretsmanager';
import { PORTS } from './network.js';
import type { Database, Stores } from './stores.js';
import { fetcher, type Workshop } from './task.js';

const sql = (role: string, database: string): string => `
DO $do$ BEGIN CREATE ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE; EXCEPTION WHEN duplicate_object THEN NULL; END $do$;
ALTER ROLE ${role} PASSWORD :'password';
GRANT pg_read_all_stats TO ${role};
GRANT ALL ON DATABASE ${database} TO ${role};
REVOKE ALL ON DATABASE ${database} FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO ${role};`;

function make(host: string, role: string): string {
  const upper = role.toUpperCase();
  return `PGPASSWORD="$OWNER_${upper}" psql -XAtq -v ON_ERROR_STOP=1 -v password="$ROLE_${upper}" "host=${host} port=${PORTS.postgres} dbname=${role} user=fairgate_owner sslmode=verify-full sslrootcert=/tmp/ca.pem" <<'SQL'${sql(role, role)}\nSQL`;
}

export function rolesOf(at: Workshop, stores: Stores): ecs.FargateTaskDefinition {
  const { stack, secrets, key } = at;
  const databases: [string, Database, 'db-seat_service' | 'db-payment_adapter'][] = [
    ['seat_service', stores.seats, 'db-seat_service'], ['payment_adapter', stores.orders, 'db-payment_adapter'],
  ];
  const definition = new ecs.FargateTaskDefinition(stack, 'Task-roles', {
    family: `${stack.stackName}-roles`, cpu: 256, memoryLimitMiB: 512, executionRole: fetcher(stack, at.repositories, 'roles'), volumes: [{ name: 'tmp' }],
  });
  const logGroup = new logs.LogGroup(stack, 'Log-roles', { retention: logs.RetentionDays.ONE_MONTH, encryptionKey: key });
  const container = definition.addContainer('roles', {
    image: at.image('Tools'), readonlyRootFilesystem: true, user: '0',
    logging: ecs.LogDrivers.awsLogs({ logGroup, streamPrefix: 'roles' }),
    command: ['sh', '-euc', [`printf '%s\\n' "$CA" >/tmp/ca.pem`, ...databases.map(([role, database]) => make(database.cluster.attrEndpointAddress, role))].join('\n')],
    secrets: {
      CA: ecs.Secret.fromSecretsManager(secrets['rds-ca.pem']),
      ...Object.fromEntries(databases.flatMap(([role, database, secret]) => [
        [`OWNER_${role.toUpperCase()}`, ecs.Secret.fromSecretsManager(sm.Secret.fromSecretAttributes(stack, `Owner-${role}`, { secretCompleteArn: database.cluster.attrMasterUserSecretSecretArn, encryptionKey: key }), 'password')],
        [`ROLE_${role.toUpperCase()}`, ecs.Secret.fromSecretsManager(secrets[secret])],
      ])),
    },
  });
  container.addMountPoints({ sourceVolume: 'tmp', containerPath: '/tmp', readOnly: false });
  return definition;
}
