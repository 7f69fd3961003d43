// watch.ts: alarms from infra/observe/alerts.yml and slo.yml, a dashboard, and the collector that sends their metrics to
// CloudWatch. `page` and `look` are two SNS topics; you subscribe people to them.

import { CfnOutput, Duration, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import * as cw from 'aws-cdk-lib/aws-cloudwatch';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sns from 'aws-cdk-lib/aws-sns';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { alarms, JOBS, metrics, NAMESPACE, type Alarm } from './alerts.js';
import type { Network } from './network.js';
import { bucketsOf, burns, DEPLOYMENT, WITHIN, windowsOf, type Burn, type Window } from './promises.js';
import { fetcher, HALTS, type Workshop } from './task.js';

const runbook = 'docs/operate/runbook.md says what to do.';

function topicsOf(stack: Stack, key: IKey): Record<string, sns.Topic> {
  const topic = (name: string) => {
    const one = new sns.Topic(stack, `Topic-${name}`, { masterKey: key, enforceSSL: true });
    new CfnOutput(stack, `Tell-${name}`, { value: one.topicArn, description: `subscribe the people to notify: ${name}` });
    return one;
  };
  return { page: topic('page'), look: topic('look') };
}

const dataOf = (alarm: Alarm): cw.CfnAlarm.MetricDataQueryProperty[] => [
  ...alarm.queries.map(({ sql, periodS }, i) => ({ id: `m${i}`, expression: sql, period: periodS, returnData: alarm.expression === undefined })),
  ...(alarm.expression === undefined ? [] : [{ id: 'bad', expression: alarm.expression, label: alarm.name, returnData: true }]),
];

function alarmOf(stack: Stack, alarm: Alarm, topics: Record<string, sns.Topic>): void {
  const topic = topics[alarm.severity];
  if (topic === undefined) throw new Error(`${alarm.name}: nobody listens to ${alarm.severity}`);
  new cw.CfnAlarm(stack, alarm.name, {
    alarmName: `${stack.stackName}-${alarm.name}`, alarmDescription: `${alarm.summary}. ${runbook}`,
    metrics: dataOf(alarm), threshold: alarm.threshold, comparisonOperator: alarm.operator,
    evaluationPeriods: alarm.minutes, datapointsToAlarm: alarm.minutes,
    treatMissingData: 'notBreaching', // FairgateGone below reports a service that is gone
    alarmActions: [topic.topicArn], okActions: [topic.topicArn],
  });
}

const windowData = ({ figures, query, expression, periodS, name }: Window): cw.CfnAlarm.MetricDataQueryProperty[] => [
  ...figures.map((one) => ({
    id: one.id, returnData: false,
    metricStat: { stat: one.stat, period: periodS, metric: { namespace: NAMESPACE, metricName: one.name, dimensions: Object.entries(one.dimensions).map(([key, value]) => ({ name: key, value })) } },
  })),
  ...(query === undefined ? [] : [{ id: 'm0', expression: query.sql, period: query.periodS, returnData: false }]),
  { id: 'bad', expression, label: name, returnData: true },
];

// An alarm for each window, which notifies nobody, and their composite alarm.
function burnOf(stack: Stack, burn: Burn, topics: Record<string, sns.Topic>): void {
  const topic = topics[burn.severity];
  if (topic === undefined) throw new Error(`${burn.name}: nobody listens to ${burn.severity}`);
  const full = (name: string): string => `${stack.stackName}-${name}`;
  const windows = burn.anyOf.flat().map((window) => new cw.CfnAlarm(stack, window.name, {
    alarmName: full(window.name), alarmDescription: `A part of ${full(burn.name)}.`, metrics: windowData(window),
    threshold: window.threshold, comparisonOperator: 'GreaterThanThreshold',
    evaluationPeriods: window.periods, datapointsToAlarm: window.badPeriods, treatMissingData: 'notBreaching',
  }));
  const rule = burn.anyOf.map((pair) => `(${pair.map(({ name }) => `ALARM("${full(name)}")`).join(' AND ')})`).join(' OR ');
  const composite = new cw.CfnCompositeAlarm(stack, burn.name, {
    alarmName: full(burn.name), alarmDescription: `${burn.summary}. ${runbook}`, alarmRule: rule,
    alarmActions: [topic.topicArn], okActions: [topic.topicArn],
  });
  for (const window of windows) composite.addDependency(window);
}

// Alarms from metrics that only AWS has.
function ownAlarms(stack: Stack, services: ecs.FargateService[], topics: Record<string, sns.Topic>): void {
  for (const service of services) {
    const metric = (metricName: string) => new cw.Metric({
      namespace: 'ECS/ContainerInsights', metricName, statistic: 'Minimum', period: Duration.minutes(1),
      dimensionsMap: { ClusterName: service.cluster.clusterName, ServiceName: service.serviceName },
    });
    const missing = new cw.MathExpression({ expression: 'desired - running', usingMetrics: { desired: metric('DesiredTaskCount'), running: metric('RunningTaskCount') }, period: Duration.minutes(1) });
    const alarm = new cw.Alarm(stack, `FairgateGone-${service.node.id}`, {
      metric: missing, threshold: 0, comparisonOperator: cw.ComparisonOperator.GREATER_THAN_THRESHOLD, evaluationPeriods: 2,
      treatMissingData: cw.TreatMissingData.NOT_BREACHING, alarmDescription: 'Tasks that should run do not.',
    });
    alarm.addAlarmAction({ bind: () => ({ alarmActionArn: topics['page']!.topicArn }) });
  }
}

function dashboardOf(stack: Stack, all: Alarm[]): void {
  const widgets = all.map((alarm, i) => ({
    type: 'metric', width: 8, height: 5, x: (i % 3) * 8, y: Math.floor(i / 3) * 5,
    properties: {
      title: `${alarm.name}: ${alarm.summary}`, region: stack.region, view: 'timeSeries',
      metrics: dataOf(alarm).map(({ id, expression, period, returnData }) => [{ id, expression, period, visible: returnData }]),
      annotations: { horizontal: [{ value: alarm.threshold, label: alarm.operator }] },
    },
  }));
  new cw.CfnDashboard(stack, 'Dashboard', { dashboardName: stack.stackName, dashboardBody: stack.toJsonString({ widgets }) });
}

// The collector reads /metrics, which needs no token, of every task in Cloud Map. The buckets that objectives use become
// metrics of their own. The collector then takes them for gauges, so `transform` makes them counters again.
export function collectorConfig(all: Alarm[], promised: Burn[], domain: string, fronts: string[], region: string, logGroup: string): object {
  const labels = Object.entries(DEPLOYMENT).map(([target_label, replacement]) => ({ target_label, replacement }));
  const buckets = { source_labels: ['__name__', 'le'], separator: ';', regex: bucketsOf(promised), target_label: '__name__', replacement: `$$1${WITHIN}` };
  return {
    receivers: { prometheus: { config: {
      global: { scrape_interval: '15s', scrape_timeout: '5s' },
      scrape_configs: Object.entries(JOBS).map(([name, port]) => ({
        job_name: `fairgate-${name}`, dns_sd_configs: [{ names: (name === 'queue-front' ? fronts : [name]).map((one) => `${one}.${domain}`), type: 'A', port, refresh_interval: '10s' }],
        relabel_configs: [{ target_label: 'part', replacement: `fairgate-${name}` }, ...labels],
        metric_relabel_configs: [buckets],
      })),
    } } },
    processors: {
      transform: { metric_statements: [{ context: 'metric', statements: [`convert_gauge_to_sum("cumulative", true) where IsMatch(name, "${WITHIN}$$")`] }] },
      batch: { timeout: '10s' },
    },
    exporters: { awsemf: {
      region, namespace: NAMESPACE, log_group_name: logGroup, dimension_rollup_option: 'NoDimensionRollup',
      metric_declarations: metrics([...all, ...windowsOf(promised)]).map(({ name, labels }) => ({ dimensions: [labels], metric_name_selectors: [`^${name}$`] })),
    } },
    service: { pipelines: { metrics: { receivers: ['prometheus'], processors: ['transform', 'batch'], exporters: ['awsemf'] } } },
  };
}

export function collectorOf(at: Workshop, network: Network, domain: string, fronts: string[], all: Alarm[], promised: Burn[], asleep: boolean): ecs.FargateService {
  const { stack, key } = at;
  const figures = new logs.LogGroup(stack, 'Figures', { retention: logs.RetentionDays.TWO_WEEKS, encryptionKey: key, removalPolicy: RemovalPolicy.DESTROY });
  const definition = new ecs.FargateTaskDefinition(stack, 'Task-collector', {
    family: `${stack.stackName}-collector`, cpu: 512, memoryLimitMiB: 1024, executionRole: fetcher(stack, at.repositories, 'collector'),
  });
  definition.addToTaskRolePolicy(new iam.PolicyStatement({ actions: ['logs:PutLogEvents', 'logs:CreateLogStream', 'logs:DescribeLogStreams'], resources: [figures.logGroupArn, `${figures.logGroupArn}:log-stream:*`] }));
  const logGroup = new logs.LogGroup(stack, 'Log-collector', { retention: logs.RetentionDays.ONE_MONTH, encryptionKey: key });
  definition.addContainer('collector', {
    image: at.image('Collector'), readonlyRootFilesystem: true, user: '10001:10001',
    logging: ecs.LogDrivers.awsLogs({ logGroup, streamPrefix: 'collector' }),
    environment: { AOT_CONFIG_CONTENT: stack.toJsonString(collectorConfig(all, promised, domain, fronts, stack.region, figures.logGroupName)) },
  });
  return new ecs.FargateService(stack, 'Service-collector', {
    cluster: at.cluster, taskDefinition: definition, desiredCount: asleep ? 0 : 1, securityGroups: [network.groups.collector],
    vpcSubnets: { subnets: network.subnets('inner') }, assignPublicIp: false, minHealthyPercent: 100, circuitBreaker: HALTS,
  });
}

export function watch(at: Workshop, network: Network, domain: string, services: ecs.FargateService[], fronts: string[], asleep: boolean): ecs.FargateService {
  const all = alarms();
  const topics = topicsOf(at.stack, at.key);
  const promised = burns();
  for (const alarm of all) alarmOf(at.stack, alarm, topics);
  for (const burn of promised) burnOf(at.stack, burn, topics);
  const collector = collectorOf(at, network, domain, fronts, all, promised, asleep);
  ownAlarms(at.stack, [...services, collector], topics);
  dashboardOf(at.stack, all);
  return collector;
}
