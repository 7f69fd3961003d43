// watch.ts: the rules of infra/observe, evaluated by a managed Prometheus, and the collector that writes to it. `page` and
// `look` are two SNS topics; you subscribe people to them.

import { CfnOutput, Duration, type Stack } from 'aws-cdk-lib';
import * as aps from 'aws-cdk-lib/aws-aps';
import * as cw from 'aws-cdk-lib/aws-cloudwatch';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sns from 'aws-cdk-lib/aws-sns';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Network } from './network.js';
import { fileOf } from './sale.js';
import { fetcher, HALTS, type Workshop } from './task.js';

// The jobs of infra/observe/prometheus.yml that are scraped here: rules count `by (job)`.
export const JOBS = { queue: { names: ['queue-front'], port: 8091 }, seats: { names: ['seats-a', 'seats-b'], port: 8092 }, pay: { names: ['payment-adapter'], port: 8093 } } as const;
export const SCRAPE_S = 15;
export const RULES = { alerts: 'build/observe/alerts.yml', slo: 'build/observe/slo.yml', presence: 'build/observe/aws.yaml' } as const;

interface Topics {
  page: sns.Topic;
  look: sns.Topic;
}

function topicsOf(stack: Stack, key: IKey): Topics {
  const topic = (name: string) => {
    const one = new sns.Topic(stack, `Topic-${name}`, { masterKey: key, enforceSSL: true });
    one.addToResourcePolicy(new iam.PolicyStatement({
      principals: [new iam.ServicePrincipal('aps.amazonaws.com')], actions: ['sns:Publish', 'sns:GetTopicAttributes'], resources: [one.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': stack.account } },
    }));
    new CfnOutput(stack, `Tell-${name}`, { value: one.topicArn, description: `subscribe the people to notify: ${name}` });
    return one;
  };
  return { page: topic('page'), look: topic('look') };
}

// Which topic gets which alerts. A subject of SNS has at most 100 letters.
function routesOf(stack: Stack, topics: Topics): object {
  const receiver = (name: string, topic: sns.Topic) => ({
    name, sns_configs: [{ topic_arn: topic.topicArn, sigv4: { region: stack.region }, subject: '{{ .Status }}: {{ .GroupLabels.alertname }}' }],
  });
  return {
    route: { receiver: 'page', group_by: ['alertname'], group_wait: '10s', routes: [{ receiver: 'look', matchers: ['severity = look'] }] },
    receivers: [receiver('page', topics.page), receiver('look', topics.look)],
  };
}

// The files of rules are taken as they are, so that an alert means here what it means everywhere.
function workspaceOf({ stack, key }: Workshop, topics: Topics): aps.CfnWorkspace {
  const { logGroupArn } = new logs.LogGroup(stack, 'Log-figures', { retention: logs.RetentionDays.ONE_MONTH, encryptionKey: key });
  const alertManagerDefinition = `alertmanager_config: |\n  ${stack.toJsonString(routesOf(stack, topics))}\n`;
  const workspace = new aps.CfnWorkspace(stack, 'Figures', { alias: stack.stackName, alertManagerDefinition, kmsKeyArn: key.keyArn, loggingConfiguration: { logGroupArn } });
  for (const [name, file] of Object.entries(RULES)) {
    new aps.CfnRuleGroupsNamespace(stack, `Rules-${name}`, { workspace: workspace.attrArn, name, data: fileOf(file) });
  }
  return workspace;
}

// Alarms from metrics that only AWS has.
function ownAlarms(stack: Stack, services: ecs.FargateService[], { attrWorkspaceId: id }: aps.CfnWorkspace, topic: sns.Topic, asleep: boolean): void {
  const alarm = (name: string, metric: cw.IMetric, evaluationPeriods: number, alarmDescription: string, none = false) => {
    new cw.Alarm(stack, name, {
      metric, evaluationPeriods, alarmDescription, threshold: 0,
      comparisonOperator: none ? cw.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD : cw.ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: none ? cw.TreatMissingData.BREACHING : cw.TreatMissingData.NOT_BREACHING,
    }).addAlarmAction({ bind: () => ({ alarmActionArn: topic.topicArn }) });
  };
  for (const service of services) {
    const metric = (metricName: string) => new cw.Metric({
      namespace: 'ECS/ContainerInsights', metricName, statistic: 'Minimum', period: Duration.minutes(1),
      dimensionsMap: { ClusterName: service.cluster.clusterName, ServiceName: service.serviceName },
    });
    const missing = new cw.MathExpression({ expression: 'desired - running', usingMetrics: { desired: metric('DesiredTaskCount'), running: metric('RunningTaskCount') }, period: Duration.minutes(1) });
    alarm(`FairgateGone-${service.node.id}`, missing, 2, 'Tasks that should run do not.');
  }
  // From the collector to the topics an alert can be lost in silence. AWS counts by reason and by group of rules.
  const period = Duration.minutes(5);
  const sumOf = (name: string, by: string) => new cw.MathExpression({ expression: `SELECT SUM(${name}) FROM SCHEMA("AWS/Prometheus", ${by}, Workspace) WHERE Workspace = '${id}'`, period });
  const unsent = new cw.Metric({ namespace: 'AWS/Prometheus', metricName: 'AlertManagerNotificationsFailed', dimensionsMap: { Workspace: id }, statistic: 'Sum', period });
  const fed = new cw.Metric({
    namespace: 'AWS/Usage', metricName: 'ResourceCount', statistic: 'Maximum', period,
    dimensionsMap: { Service: 'Prometheus', Type: 'Resource', Resource: 'IngestionRate', Class: 'None', ResourceId: id },
  });
  if (!asleep) alarm('FairgateAlerts-unfed', fed, 2, 'No samples arrive.', true);
  alarm('FairgateAlerts-discarded', sumOf('DiscardedSamples', 'Reason'), 2, 'Samples are discarded.');
  alarm('FairgateAlerts-unjudged', sumOf('RuleEvaluationFailures', 'RuleGroup'), 2, 'Rules cannot be evaluated.');
  alarm('FairgateAlerts-unsent', unsent, 1, 'The alert manager cannot send.');
}

// The collector reads /metrics, which needs no token, of every task of JOBS in Cloud Map. It passes names on unchanged: without
// add_metric_suffixes it would add units to them.
export function collectorConfig(domain: string, fronts: string[], region: string, writeUrl: string): object {
  return {
    extensions: { sigv4auth: { region, service: 'aps' } },
    receivers: { prometheus: { config: {
      global: { scrape_interval: `${SCRAPE_S}s`, scrape_timeout: '5s' },
      scrape_configs: Object.entries(JOBS).map(([job, { names, port }]) => ({
        job_name: `fairgate-${job}`, dns_sd_configs: [{ names: (job === 'queue' ? fronts : names).map((one) => `${one}.${domain}`), type: 'A', port, refresh_interval: '10s' }],
      })),
    } } },
    processors: { batch: { timeout: '5s' } },
    exporters: { prometheusremotewrite: { endpoint: writeUrl, auth: { authenticator: 'sigv4auth' }, add_metric_suffixes: false, target_info: { enabled: false } } },
    service: { extensions: ['sigv4auth'], pipelines: { metrics: { receivers: ['prometheus'], processors: ['batch'], exporters: ['prometheusremotewrite'] } } },
  };
}

function collectorOf(at: Workshop, network: Network, domain: string, fronts: string[], workspace: aps.CfnWorkspace, asleep: boolean): ecs.FargateService {
  const { stack, key } = at;
  const definition = new ecs.FargateTaskDefinition(stack, 'Task-collector', {
    family: `${stack.stackName}-collector`, cpu: 512, memoryLimitMiB: 1024, executionRole: fetcher(stack, at.repositories, 'collector'),
  });
  definition.addToTaskRolePolicy(new iam.PolicyStatement({ actions: ['aps:RemoteWrite'], resources: [workspace.attrArn] }));
  const logGroup = new logs.LogGroup(stack, 'Log-collector', { retention: logs.RetentionDays.ONE_MONTH, encryptionKey: key });
  definition.addContainer('collector', {
    image: at.image('Collector'), readonlyRootFilesystem: true, user: '10001:10001',
    logging: ecs.LogDrivers.awsLogs({ logGroup, streamPrefix: 'collector' }),
    environment: { AOT_CONFIG_CONTENT: stack.toJsonString(collectorConfig(domain, fronts, stack.region, `${workspace.attrPrometheusEndpoint}api/v1/remote_write`)) },
  });
  return new ecs.FargateService(stack, 'Service-collector', {
    cluster: at.cluster, taskDefinition: definition, desiredCount: asleep ? 0 : 1, securityGroups: [network.groups.collector],
    vpcSubnets: { subnets: network.subnets('inner') }, assignPublicIp: false, minHealthyPercent: 100, circuitBreaker: HALTS,
  });
}

export function watch(at: Workshop, network: Network, domain: string, services: ecs.FargateService[], fronts: string[], asleep: boolean): void {
  const topics = topicsOf(at.stack, at.key);
  const workspace = workspaceOf(at, topics);
  const collector = collectorOf(at, network, domain, fronts, workspace, asleep);
  ownAlarms(at.stack, [...services, collector], workspace, topics.page, asleep);
}
