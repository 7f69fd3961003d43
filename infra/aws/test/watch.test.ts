// The rules of infra/observe reach the managed Prometheus unchanged, and what they find reaches people.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { fileOf } from '../src/sale.js';
import { JOBS, RULES } from '../src/watch.js';
import { ofType, only, refers, SALE, templates, type Template } from './made.js';

const RULES_A_GROUP = 20; // quota of AWS
const REGIONS: [Template, region: string][] = [[templates().first, SALE.primary.region], [templates().second, SALE.second!.region]];

interface Rules {
  groups: { name: string; rules: { alert?: string; labels: { severity?: string } }[] }[];
}

// The text of a joined value, with {Name} for each resource that it refers to.
function text(value: unknown): string {
  if (typeof value === 'string') return value;
  const parts = (value as { 'Fn::Join'?: [string, unknown[]] })['Fn::Join'];
  return parts === undefined ? `{${refers(value)}}` : parts[1].map(text).join(parts[0]);
}

const idOf = (template: Template, type: string): string => ofType(template, type)[0]![0];

test('both regions evaluate the same files of rules as every other installation', () => {
  for (const [template] of REGIONS) {
    const workspace = idOf(template, 'AWS::APS::Workspace');
    const made = ofType(template, 'AWS::APS::RuleGroupsNamespace').map(([, { Properties }]) => Properties);
    assert.deepEqual(Object.fromEntries(made.map(({ Name, Data }) => [Name, Data])), Object.fromEntries(Object.entries(RULES).map(([name, file]) => [name, fileOf(file)])));
    for (const { Workspace } of made) assert.equal(refers(Workspace), workspace);
  }
});

test('groups of rules are as small as AWS wants them, and each alert is of a severity that has a topic', () => {
  for (const file of Object.values(RULES)) {
    for (const { name, rules } of (parse(fileOf(file)) as Rules).groups) {
      assert.ok(rules.length <= RULES_A_GROUP, name);
      for (const { alert, labels } of rules) if (alert !== undefined) assert.ok(labels.severity === 'page' || labels.severity === 'look', alert);
    }
  }
});

test('alerts reach the topic of their severity, which lets the alert manager in', () => {
  for (const [template, region] of REGIONS) {
    const definition = parse(text(only(template, 'AWS::APS::Workspace').AlertManagerDefinition)) as { alertmanager_config: string };
    const { route, receivers } = parse(definition.alertmanager_config) as { route: any; receivers: { name: string; sns_configs: { topic_arn: string; sigv4: { region: string } }[] }[] };
    assert.deepEqual([route.receiver, route.routes], ['page', [{ receiver: 'look', matchers: ['severity = look'] }]]);
    const topics = ofType(template, 'AWS::SNS::Topic').map(([id]) => id);
    for (const { name, sns_configs } of receivers) {
      const topic = topics.find((id) => id.startsWith(`Topic${name}`))!;
      assert.deepEqual(sns_configs.map(({ topic_arn, sigv4 }) => [topic_arn, sigv4.region]), [[`{${topic}}`, region]]);
    }
    const allowed = ofType(template, 'AWS::SNS::TopicPolicy').flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement as any[]).filter(({ Effect, Principal }) => Effect === 'Allow' && Principal.Service === 'aps.amazonaws.com');
    assert.deepEqual(allowed.map(({ Resource }) => refers(Resource)).sort(), topics.sort());
  }
});

test('the collector reads every task and writes to the workspace, names unchanged', () => {
  for (const [template] of REGIONS) {
    const { ContainerDefinitions } = ofType(template, 'AWS::ECS::TaskDefinition').find(([, { Properties }]) => (Properties.Family as string).endsWith('-collector'))![1].Properties;
    const settings = JSON.parse(text(ContainerDefinitions[0].Environment[0].Value));
    const jobs = settings.receivers.prometheus.config.scrape_configs as { job_name: string; dns_sd_configs: { names: string[]; port: number }[] }[];
    const elsewhere = parse(fileOf('infra/observe/prometheus.yml')).scrape_configs as { job_name: string; static_configs: { targets: string[] }[] }[];
    const ports = elsewhere.map(({ job_name, static_configs }) => [job_name, Number(static_configs[0]!.targets[0]!.split(':')[1])]).slice(0, Object.keys(JOBS).length);
    assert.deepEqual(jobs.map(({ job_name, dns_sd_configs }) => [job_name, dns_sd_configs[0]!.port]), ports);
    for (const name of Object.values(JOBS).flatMap(({ names }) => names)) assert.ok(jobs.some(({ dns_sd_configs }) => dns_sd_configs[0]!.names.includes(`${name}.fairgate.internal`)), name);
    const { endpoint, add_metric_suffixes: suffixes } = settings.exporters.prometheusremotewrite;
    assert.deepEqual([endpoint, suffixes], [`{${idOf(template, 'AWS::APS::Workspace')}}api/v1/remote_write`, false]);
  }
});

test('AWS itself reports a service that is gone', () => {
  const made = Object.keys(Object.fromEntries(ofType(templates().first, 'AWS::CloudWatch::Alarm'))).filter((id) => id.startsWith('FairgateGone'));
  assert.equal(made.length, ofType(templates().first, 'AWS::ECS::Service').length);
});

test('CloudWatch itself pages when alerts or figures do not arrive; that none arrive is expected where nothing runs', () => {
  for (const [i, [template, region]] of REGIONS.entries()) {
    const [workspace, { Properties }] = ofType(template, 'AWS::APS::Workspace')[0]!;
    assert.match(refers(Properties.LoggingConfiguration.LogGroupArn)!, /^Log/);
    assert.match(JSON.stringify(only(template, 'AWS::KMS::Key').KeyPolicy), new RegExp(`kms:ViaService":"aps.${region}.amazonaws.com`));
    const made = new Map(ofType(template, 'AWS::CloudWatch::Alarm').filter(([id]) => id.startsWith('FairgateAlerts')).map(([id, alarm]) => [/^FairgateAlerts([a-z]+)/.exec(id)![1]!, alarm.Properties]));
    assert.deepEqual([...made.keys()], [...(i === 0 ? ['unfed'] : []), 'discarded', 'unjudged', 'unsent']);
    for (const [name, alarm] of made) {
      assert.match(refers(alarm.AlarmActions[0])!, /^Topicpage/, name);
      assert.ok(JSON.stringify(alarm).includes(`"${workspace}","WorkspaceId"`), name);
      assert.equal(alarm.TreatMissingData, name === 'unfed' ? 'breaching' : 'notBreaching', name);
    }
  }
});
