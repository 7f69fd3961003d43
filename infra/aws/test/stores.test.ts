// Stores are encrypted, private, backed up and protected from deletion; Redis has the settings of infra/redis.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileOf } from '../src/sale.js';
import { givenUpTemplates, ofType, only, refers, SALE, templates, type Template } from './made.js';

const both = (): Template[] => [templates().first, templates().second];

test('everything that keeps anything is encrypted with a key of ours', () => {
  const keyed: Record<string, string> = {
    'AWS::RDS::DBCluster': 'KmsKeyId', 'AWS::ElastiCache::ReplicationGroup': 'KmsKeyId', 'AWS::Logs::LogGroup': 'KmsKeyId',
    'AWS::SNS::Topic': 'KmsMasterKeyId', 'AWS::SecretsManager::Secret': 'KmsKeyId',
    'AWS::APS::Workspace': 'KmsKeyArn',
  };
  const seen = new Set<string>();
  for (const template of [...both(), templates().world]) {
    for (const [type, property] of Object.entries(keyed)) {
      for (const [id, { Properties }] of ofType(template, type)) {
        assert.match(refers(Properties[property]) ?? '', /^Key/, `${id}: ${property}`);
        seen.add(type);
      }
    }
    for (const [id, { Properties }] of ofType(template, 'AWS::KMS::Key')) assert.equal(Properties.EnableKeyRotation, true, id);
    assert.deepEqual(ofType(template, 'AWS::S3::Bucket'), []);
  }
  assert.deepEqual([...seen].sort(), Object.keys(keyed).sort());
});

test('databases: TLS only, in three zones, no public address, backups for 35 days, not deleted by mistake', () => {
  for (const template of both()) {
    const clusters = ofType(template, 'AWS::RDS::DBCluster');
    assert.equal(clusters.length, 2);
    for (const [id, { Properties, DeletionPolicy }] of clusters) {
      assert.deepEqual([Properties.StorageEncrypted, Properties.DeletionProtection, Properties.BackupRetentionPeriod, DeletionPolicy], [true, true, 35, 'Snapshot'], id);
    }
    for (const [, { Properties }] of ofType(template, 'AWS::RDS::DBClusterParameterGroup')) assert.equal(Properties.Parameters['rds.force_ssl'], '1');
    const instances = ofType(template, 'AWS::RDS::DBInstance');
    assert.equal(instances.length, 4);
    for (const [id, { Properties }] of instances) assert.deepEqual([Properties.PubliclyAccessible, Properties.AutoMinorVersionUpgrade], [false, false], id);
    for (const [id, { Properties }] of [...ofType(template, 'AWS::RDS::DBSubnetGroup'), ...ofType(template, 'AWS::ElastiCache::SubnetGroup')]) {
      assert.equal(Properties.SubnetIds.length, 3, id);
    }
  }
});

test('the password of the databases\' owner is made and changed by RDS, in the first region; no password is in a template', () => {
  for (const [, { Properties }] of ofType(templates().first, 'AWS::RDS::DBCluster')) assert.deepEqual([Properties.ManageMasterUserPassword, Properties.MasterUserPassword], [true, undefined]);
  for (const [, { Properties }] of ofType(templates().second, 'AWS::RDS::DBCluster')) assert.deepEqual([Properties.MasterUsername, typeof Properties.GlobalClusterIdentifier], [undefined, 'string']);
});

test('Redis: a cluster with two replicas in several zones, encrypted on the way and on the disk, users with rights', () => {
  for (const template of both()) {
    const Properties = only(template, 'AWS::ElastiCache::ReplicationGroup');
    for (const name of ['AutomaticFailoverEnabled', 'MultiAZEnabled', 'TransitEncryptionEnabled', 'AtRestEncryptionEnabled']) assert.equal(Properties[name], true, name);
    assert.deepEqual([Properties['ReplicasPerNodeGroup'], Properties['AutoMinorVersionUpgrade']], [2, false]);
    assert.equal((Properties['UserGroupIds'] as unknown[]).length, 1);
  }
  const settings = only(templates().first, 'AWS::ElastiCache::ParameterGroup').Properties as Record<string, string>;
  const redis = fileOf('infra/redis/redis.conf');
  assert.equal(settings['cluster-enabled'], 'yes');
  for (const name of ['maxmemory-policy', 'min-replicas-to-write', 'min-replicas-max-lag']) {
    assert.match(redis, new RegExp(`^${name} ${settings[name]}$`, 'm'));
  }
});

test('the user of Redis has the rights of infra/redis/redis-acl.conf, and the default one has none', () => {
  const users = new Map(ofType(templates().first, 'AWS::ElastiCache::User').map(([, { Properties }]) => [Properties.UserName as string, Properties]));
  const line = fileOf('infra/redis/redis-acl.conf').split('\n').find((one) => one.startsWith('user fairgate'))!;
  const rights = line.split(' ').filter((word) => /^[~+]/.test(word));
  const given = (users.get('fairgate').AccessString as string).split(' ');
  assert.deepEqual(given.filter((word) => /^[~+]/.test(word)), rights);
  assert.ok(given.includes('on') && given.includes('-@all') && !given.some((word) => word.startsWith('#')));
  assert.equal(users.get('default').AccessString, 'off -@all');
  assert.match(JSON.stringify(users.get('fairgate').AuthenticationMode), /resolve:secretsmanager/);
});

test('the second region follows: same secrets, stores that replicate, nothing that runs, a record that waits', () => {
  const { first, second } = templates();
  for (const [id, { Properties }] of ofType(first, 'AWS::SecretsManager::Secret')) assert.deepEqual(Properties.ReplicaRegions, [{ Region: SALE.second!.region }], id);
  assert.deepEqual(ofType(second, 'AWS::SecretsManager::Secret'), []);
  assert.equal(ofType(first, 'AWS::RDS::GlobalCluster').length, 2);
  assert.equal(ofType(first, 'AWS::ElastiCache::GlobalReplicationGroup').length, 1);
  for (const [id, { Properties }] of ofType(second, 'AWS::ECS::Service')) assert.equal(Properties.DesiredCount, 0, id);
  const record = (template: Template) => ofType(template, 'AWS::Route53::RecordSet').find(([, { Properties }]) => Properties.Failover !== undefined)![1].Properties;
  assert.deepEqual([record(first).Failover, record(second).Failover], ['PRIMARY', 'SECONDARY']);
  assert.equal(record(first).Name, record(second).Name);
  const check = only(first, 'AWS::Route53::HealthCheck').HealthCheckConfig;
  assert.equal(refers(record(first).HealthCheckId), ofType(first, 'AWS::Route53::HealthCheck')[0]![0]);
  // A person decides: the health check checks nothing by itself.
  assert.deepEqual([check.Type, check.HealthThreshold], ['CALCULATED', 0]);
});

test('programs run in one region at a time, and are made larger for the opening there', () => {
  const running = (template: Template) => ofType(template, 'AWS::ECS::Service').reduce((sum, [, { Properties }]) => sum + (Properties.DesiredCount as number), 0);
  const scheduled = (template: Template) => ofType(template, 'AWS::Scheduler::Schedule').length;
  for (const [{ first, second }, which] of [[templates(), 'first'], [givenUpTemplates(), 'second']] as const) {
    const [here, there] = which === 'first' ? [first, second] : [second, first];
    assert.ok(running(here) > 10 && scheduled(here) === 2, which);
    assert.deepEqual([running(there), scheduled(there)], [0, 0], which);
  }
});

test('a message to anybody is refused without TLS', () => {
  for (const [id, { Properties }] of ofType(templates().first, 'AWS::SNS::TopicPolicy')) assert.match(JSON.stringify(Properties.PolicyDocument), /"aws:SecureTransport":"false"/, id);
});
