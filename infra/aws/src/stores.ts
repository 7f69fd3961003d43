// stores.ts: Redis for the lines, PostgreSQL for seats and for orders: encrypted, in three zones, private.
//
// Redis is a cluster ([redis] cluster, with TLS and a user for queue-front) with two replicas per shard. An event uses
// the number of shards that it was created with. ElastiCache has no append-only file for such a cluster, so the
// usual `appendfsync always` is not available: README.md says what that means.
//
// Seats and orders have separate databases, so that neither slows the other and neither can read the other's data.

import { CfnParameter, type Stack } from 'aws-cdk-lib';
import * as cache from 'aws-cdk-lib/aws-elasticache';
import * as rds from 'aws-cdk-lib/aws-rds';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Group, Network } from './network.js';
import { PORTS } from './network.js';
import { fileOf, type Sale, type Size } from './sale.js';
import type { Secrets } from './secrets.js';

// In UTC: night in Seoul, outside the hours of sales.
const MAINTENANCE = 'tue:18:00-tue:19:00';

// The rights of the fronts' Redis user, from infra/redis/redis-acl.conf. Its password is a separate setting of ElastiCache.
export function redisRights(): string {
  const line = fileOf('infra/redis/redis-acl.conf').split('\n').find((one) => one.startsWith('user fairgate '));
  if (line === undefined) throw new Error('infra/redis/redis-acl.conf has no user fairgate');
  return line.replace('user fairgate ', '').replace(/ #[0-9a-f]{64}/, '').replace(' resetkeys', '');
}

// A setting of infra/redis/redis.conf.
function redisSetting(name: string): string {
  const found = new RegExp(`^${name} (\\S+)$`, 'm').exec(fileOf('infra/redis/redis.conf'));
  if (found?.[1] === undefined) throw new Error(`infra/redis/redis.conf has no ${name}`);
  return found[1];
}

export interface Line {
  group: cache.CfnReplicationGroup;
  seeds: string;
}

export function redisOf(stack: Stack, sale: Sale, size: Size, network: Network, secrets: Secrets, key: IKey, follows: boolean): Line {
  const parameters = new cache.CfnParameterGroup(stack, 'LineSettings', {
    cacheParameterGroupFamily: 'redis7', description: 'as infra/redis/redis.conf',
    properties: {
      'cluster-enabled': 'yes',
      'maxmemory-policy': redisSetting('maxmemory-policy'),
      'min-replicas-to-write': redisSetting('min-replicas-to-write'),
      'min-replicas-max-lag': redisSetting('min-replicas-max-lag'),
    },
  });
  const nobody = new cache.CfnUser(stack, 'LineNobody', {
    engine: 'redis', userId: `${sale.name}-nobody`, userName: 'default', accessString: 'off -@all', authenticationMode: { Type: 'no-password-required' },
  });
  const front = new cache.CfnUser(stack, 'LineFront', {
    engine: 'redis', userId: `${sale.name}-front`, userName: 'fairgate', accessString: redisRights(),
    authenticationMode: { Type: 'password', Passwords: [secrets['redis-password'].secretValue.unsafeUnwrap()] },
  });
  const users = new cache.CfnUserGroup(stack, 'LineUsers', { engine: 'redis', userGroupId: `${sale.name}-line`, userIds: [nobody.userId, front.userId] });
  users.addDependency(nobody);
  users.addDependency(front);
  const subnets = new cache.CfnSubnetGroup(stack, 'LineSubnets', { description: 'stores', subnetIds: network.subnets('store').map(({ subnetId }) => subnetId) });
  const shape = follows
    ? { globalReplicationGroupId: new CfnParameter(stack, 'GlobalLine', { description: 'GlobalReplicationGroupId of the first region', allowedPattern: '.+' }).valueAsString }
    : { cacheNodeType: size.redis, engine: 'redis', engineVersion: '7.1', numNodeGroups: size.shards, cacheParameterGroupName: parameters.ref };
  const group = new cache.CfnReplicationGroup(stack, 'Line', {
    ...shape,
    replicationGroupDescription: 'the lines', replicationGroupId: `${sale.name}-line`,
    replicasPerNodeGroup: 2, automaticFailoverEnabled: true, multiAzEnabled: true,
    transitEncryptionEnabled: true, atRestEncryptionEnabled: true, kmsKeyId: key.keyArn,
    cacheSubnetGroupName: subnets.ref, securityGroupIds: [network.groups.redis.securityGroupId],
    port: PORTS.redis, userGroupIds: [users.userGroupId],
    snapshotRetentionLimit: 7, snapshotWindow: '17:00-18:00', preferredMaintenanceWindow: MAINTENANCE, autoMinorVersionUpgrade: false,
  });
  group.addDependency(users);
  if (!follows && sale.second !== undefined) {
    new cache.CfnGlobalReplicationGroup(stack, 'LineEverywhere', {
      globalReplicationGroupIdSuffix: `${sale.name}-line`, members: [{ replicationGroupId: group.ref, replicationGroupRegion: sale.primary.region, role: 'PRIMARY' }],
    });
  }
  return { group, seeds: `${group.attrConfigurationEndPointAddress}:${PORTS.redis}` };
}

export interface Database {
  cluster: rds.CfnDBCluster;
  hosts: string; // both instances; target_session_attrs finds the writable one
}

function databaseOf(stack: Stack, sale: Sale, size: Size, network: Network, key: IKey, name: 'Seats' | 'Orders', group: Group, follows: boolean): Database {
  const settings = new rds.CfnDBClusterParameterGroup(stack, `${name}Settings`, {
    family: 'aurora-postgresql15', description: 'TLS only', parameters: { 'rds.force_ssl': '1' },
  });
  const subnets = new rds.CfnDBSubnetGroup(stack, `${name}Subnets`, { dbSubnetGroupDescription: 'stores', subnetIds: network.subnets('store').map(({ subnetId }) => subnetId) });
  const everywhere = `${sale.name}-${name.toLowerCase()}-everywhere`;
  const cluster = new rds.CfnDBCluster(stack, `${name}Database`, {
    engine: 'aurora-postgresql', engineVersion: '15.10', storageType: 'aurora-iopt1',
    dbClusterIdentifier: `${sale.name}-${name.toLowerCase()}`,
    ...(follows ? { globalClusterIdentifier: everywhere } : {
      databaseName: { Seats: 'seat_service', Orders: 'payment_adapter' }[name],
      // RDS makes the owner's password, stores it and rotates it each week. Only the task that makes the roles uses it.
      masterUsername: 'fairgate_owner', manageMasterUserPassword: true, masterUserSecret: { kmsKeyId: key.keyArn },
    }),
    storageEncrypted: true, kmsKeyId: key.keyArn, deletionProtection: true, copyTagsToSnapshot: true,
    backupRetentionPeriod: 35, preferredBackupWindow: '17:00-17:30', preferredMaintenanceWindow: MAINTENANCE,
    enableIamDatabaseAuthentication: true, enableCloudwatchLogsExports: ['postgresql'],
    dbClusterParameterGroupName: settings.ref, dbSubnetGroupName: subnets.ref,
    vpcSecurityGroupIds: [network.groups[group].securityGroupId], port: PORTS.postgres,
  });
  cluster.cfnOptions.deletionPolicy = cluster.cfnOptions.updateReplacePolicy = 'Snapshot' as never;
  if (!follows && sale.second !== undefined) {
    new rds.CfnGlobalCluster(stack, `${name}Everywhere`, { globalClusterIdentifier: everywhere, sourceDbClusterIdentifier: cluster.ref, deletionProtection: true });
  }
  const instances = [1, 2].map((n) => new rds.CfnDBInstance(stack, `${name}Database${n}`, {
    engine: 'aurora-postgresql', dbClusterIdentifier: cluster.ref, dbInstanceClass: size.database, publiclyAccessible: false,
    autoMinorVersionUpgrade: false, preferredMaintenanceWindow: MAINTENANCE, promotionTier: n,
    enablePerformanceInsights: true, performanceInsightsKmsKeyId: key.keyArn,
  }));
  return { cluster, hosts: instances.map(({ attrEndpointAddress }) => attrEndpointAddress).join(',') };
}

export interface Stores {
  line: Line;
  seats: Database;
  orders: Database;
}

export function storesOf(stack: Stack, sale: Sale, size: Size, network: Network, secrets: Secrets, key: IKey, follows: boolean): Stores {
  return {
    line: redisOf(stack, sale, size, network, secrets, key, follows),
    seats: databaseOf(stack, sale, size, network, key, 'Seats', 'seatsDb', follows),
    orders: databaseOf(stack, sale, size, network, key, 'Orders', 'payDb', follows),
  };
}
