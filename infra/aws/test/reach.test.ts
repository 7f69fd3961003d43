// The possible connections, computed only from the templates' security groups and routes: exactly those in the table
// below.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ofType, only, refers, SALE, sharedTemplates, templates, type Template } from './made.js';

const ANY = '0.0.0.0/0';
const SHOP = SALE.shop.cidr;

// FROM: {TO: ports}. Groups have their names in src/network.ts; `internet` and `shop` are addresses, lists are AWS's.
const ALLOWED: Record<string, Record<string, number[]>> = {
  'list CloudFrontAddresses': { door: [443] },
  door: { edge: [8080, 8404] },
  edge: { line: [8081, 8091], seats: [8082, 8092], pay: [8083, 8093], endpoints: [443], 'list S3Addresses': [443] },
  line: { redis: [6379], seats: [8092], pay: [8093], endpoints: [443], internet: [443], 'list S3Addresses': [443] },
  seats: { line: [8081], seatsDb: [5432], endpoints: [443], 'list S3Addresses': [443] },
  pay: { line: [8081, 8091], seats: [8082, 8092], payDb: [5432], endpoints: [443], internet: [443], shop: [5432], 'list S3Addresses': [443] },
  collector: { line: [8091], seats: [8092], pay: [8093], endpoints: [443], 'list S3Addresses': [443] },
  operators: { line: [8091], seats: [8092], pay: [8093] },
  roles: { seatsDb: [5432], payDb: [5432], endpoints: [443], 'list S3Addresses': [443] },
};

interface Rule {
  group: string;
  other: string;
  port: number;
}

function nameOf(template: Template, id: string): string {
  const path = template.Resources[id]?.Properties.GroupDescription as string | undefined;
  assert.ok(path !== undefined, `${id} is no group`);
  return id.replace(/^Group/, '').replace(/[0-9A-F]{8}$/, '');
}

function otherOf(template: Template, rule: Record<string, unknown>): string {
  const group = refers(rule['SourceSecurityGroupId'] ?? rule['DestinationSecurityGroupId']);
  if (group !== undefined) return nameOf(template, group);
  const list = refers(rule['SourcePrefixListId'] ?? rule['DestinationPrefixListId']);
  if (list !== undefined) return `list ${list}`;
  if (rule['CidrIp'] === ANY) return 'internet';
  if (rule['CidrIp'] === SHOP) return 'shop';
  throw new Error(`a rule for ${JSON.stringify(rule)}`);
}

function rules(template: Template, way: 'Ingress' | 'Egress'): Rule[] {
  const alone = ofType(template, `AWS::EC2::SecurityGroup${way}`).map(([, { Properties }]) => ({ id: refers(Properties.GroupId)!, rule: Properties }));
  const within = ofType(template, 'AWS::EC2::SecurityGroup').flatMap(([id, { Properties }]) =>
    ((Properties[`SecurityGroup${way}`] ?? []) as Record<string, unknown>[]).map((rule) => ({ id, rule })));
  return [...alone, ...within].filter(({ rule }) => rule.CidrIp !== '255.255.255.255/32').map(({ id, rule }) => {
    assert.equal(rule.IpProtocol, 'tcp', `${id}: ${JSON.stringify(rule)}`);
    assert.equal(rule.FromPort, rule.ToPort, `${id}: one port a rule`);
    return { group: nameOf(template, id), other: otherOf(template, rule), port: rule.FromPort as number };
  });
}

// A connection is possible if one side allows it out and the other allows it in. Peers without a group have no rules.
function reach(template: Template): Record<string, Record<string, number[]>> {
  const groups = new Set(ofType(template, 'AWS::EC2::SecurityGroup').map(([id]) => nameOf(template, id)));
  const into = rules(template, 'Ingress'), out = rules(template, 'Egress');
  const begins: Rule[] = [
    ...out.filter(({ group, other, port }) => !groups.has(other) || into.some((rule) => rule.group === other && rule.other === group && rule.port === port)),
    ...into.filter(({ other }) => !groups.has(other)).map(({ group, other, port }) => ({ group: other, other: group, port })),
  ];
  const found: Record<string, Record<string, number[]>> = {};
  for (const { group, other, port } of begins) ((found[group] ??= {})[other] ??= []).push(port);
  return found;
}

const sorted = (table: Record<string, Record<string, number[]>>): [string, string, number][] =>
  Object.entries(table).flatMap(([from, tos]) => Object.entries(tos).flatMap(([to, ports]) => ports.map((port): [string, string, number] => [from, to, port])))
    .sort((a, b) => `${a}`.localeCompare(`${b}`));

test('who can reach whom is this table and nothing else, in both regions', () => {
  for (const { first, second } of [templates(), sharedTemplates()]) for (const template of [first, second]) assert.deepEqual(sorted(reach(template)), sorted(ALLOWED));
});

test('groups and rules are described in the letters that AWS takes', () => {
  for (const template of [templates().first, sharedTemplates().second]) {
    const groups = ofType(template, 'AWS::EC2::SecurityGroup').map(([, { Properties }]) => Properties.GroupDescription as string);
    const rules = ['Ingress', 'Egress'].flatMap((way) => ofType(template, `AWS::EC2::SecurityGroup${way}`).map(([, { Properties }]) => Properties.Description as string));
    for (const text of [...groups, ...rules]) assert.match(text, /^[a-zA-Z0-9. _:/()#,@[\]+=&;{}!$*-]{1,255}$/);
  }
});

test('a rule that only one side has opens nothing and is a mistake', () => {
  const template = templates().first;
  const groups = new Set(ofType(template, 'AWS::EC2::SecurityGroup').map(([id]) => nameOf(template, id)));
  const key = ({ group, other, port }: Rule, turned: boolean) => (turned ? `${other} ${group} ${port}` : `${group} ${other} ${port}`);
  const of = (way: 'Ingress' | 'Egress') => rules(template, way).filter(({ other }) => groups.has(other)).map((rule) => key(rule, way === 'Ingress')).sort();
  assert.deepEqual(of('Ingress'), of('Egress'));
});

// A group's rules limit connections; the routes limit their destinations.
interface Routes {
  subnets: Map<string, string>; // subnet: kind
  ways: Map<string, Set<string>>; // kind: the targets of its routes
}

function routes(template: Template): Routes {
  const subnets = new Map(ofType(template, 'AWS::EC2::Subnet').map(([id, { Properties }]) =>
    [id, (Properties.Tags as { Key: string; Value: string }[]).find(({ Key }) => Key === 'aws-cdk:subnet-name')!.Value]));
  const tables = new Map(ofType(template, 'AWS::EC2::SubnetRouteTableAssociation').map(([, { Properties }]) => [refers(Properties.RouteTableId)!, refers(Properties.SubnetId)!]));
  const ways = new Map([...subnets.values()].map((kind) => [kind, new Set<string>()]));
  for (const [, { Properties }] of ofType(template, 'AWS::EC2::Route')) {
    const kind = subnets.get(tables.get(refers(Properties.RouteTableId)!)!)!;
    const way = Properties.GatewayId ? 'gateway' : Properties.NatGatewayId ? 'nat' : Properties.VpcPeeringConnectionId ? 'peering' : 'elsewhere';
    ways.get(kind)!.add(`${way} ${Properties.DestinationCidrBlock}`);
  }
  return { subnets, ways };
}

test('only the adapter has a route to the shop, and stores, seats and edges have no way out at all', () => {
  for (const template of [templates().first, templates().second]) {
    const { ways } = routes(template);
    assert.deepEqual(Object.fromEntries([...ways].map(([kind, to]) => [kind, [...to].sort()])), {
      door: [`gateway ${ANY}`], line: [`nat ${ANY}`], pay: [`nat ${ANY}`, `peering ${SHOP}`], inner: [], store: [],
    });
  }
});

test('each service runs in three zones, in the subnets that are meant for it, without a public address', () => {
  const template = templates().first;
  const { subnets } = routes(template);
  const kinds = Object.fromEntries(ofType(template, 'AWS::ECS::Service').map(([id, { Properties }]) => {
    const { SecurityGroups, Subnets, AssignPublicIp } = Properties.NetworkConfiguration.AwsvpcConfiguration;
    assert.equal(AssignPublicIp, 'DISABLED', id);
    assert.equal(Subnets.length, 3, id);
    assert.equal(SecurityGroups.length, 1, id);
    const kind = new Set((Subnets as unknown[]).map((subnet) => subnets.get(refers(subnet)!)));
    return [id.replace(/^Service/, '').replace(/Service[0-9A-F]{8}$/, ''), `${nameOf(template, refers(SecurityGroups[0])!)} in ${[...kind]}`];
  }));
  assert.deepEqual(kinds, {
    edge: 'edge in inner', queuefront: 'line in line', queuefront2: 'line in line', seatsa: 'seats in inner', seatsb: 'seats in inner', paymentadapter: 'pay in pay', collector: 'collector in inner',
  });
});

test('an endpoint leads to what is ours, and to the layers of images, by the calls that are made', () => {
  const text = (value: unknown): string => (typeof value === 'string' ? value : (value as { 'Fn::Join'?: [string, unknown[]]; Ref?: string })['Fn::Join']?.[1].map(text).join('') ?? `{${refers(value)}}`);
  const found = ofType(templates().first, 'AWS::EC2::VPCEndpoint').flatMap(([, { Properties }]) => (Properties.PolicyDocument.Statement as any[]).map(({ Action, Effect, Resource, Condition }) => {
    assert.equal(Effect, 'Allow');
    const ours = refers(Condition?.StringEquals['aws:PrincipalAccount']) === 'AWS::AccountId';
    return `${ours ? 'ours' : 'anybody'} ${[Action].flat().join()} ${[Resource].flat().map(text).join()}`;
  }));
  const images = [
    'ours ecr:GetAuthorizationToken *',
    'ours ecr:BatchGetImage,ecr:GetDownloadUrlForLayer,ecr:BatchCheckLayerAvailability arn:{AWS::Partition}:ecr:ap-northeast-2:{AWS::AccountId}:repository/fairgate/*',
  ];
  assert.deepEqual(found.sort(), [
    'anybody s3:GetObject arn:{AWS::Partition}:s3:::prod-ap-northeast-2-starport-layer-bucket/*', ...images, ...images,
    'ours aps:RemoteWrite arn:{AWS::Partition}:aps:ap-northeast-2:{AWS::AccountId}:workspace/*',
    'ours logs:CreateLogStream,logs:PutLogEvents,logs:DescribeLogStreams arn:{AWS::Partition}:logs:ap-northeast-2:{AWS::AccountId}:log-group:fairgate-first-*',
    'ours secretsmanager:GetSecretValue arn:{AWS::Partition}:secretsmanager:ap-northeast-2:{AWS::AccountId}:secret:fairgate/*,arn:{AWS::Partition}:secretsmanager:ap-northeast-2:{AWS::AccountId}:secret:rds!cluster-*',
  ].sort());
});

test('names that can be resolved are listed: AWS, our own, the shop, the provider, the beacon', () => {
  const lists = ofType(templates().first, 'AWS::Route53Resolver::FirewallDomainList').map(([, { Properties }]) => Properties.Domains as string[]);
  assert.deepEqual(lists, [
    ['*.amazonaws.com', '*.fairgate.internal', 'users.shop.example', 'orders.shop.example', 'api.stripe.com', 'api.drand.sh', 'api2.drand.sh', 'api3.drand.sh', 'drand.cloudflare.com'],
    ['*'],
  ]);
  const { FirewallRules } = only(templates().first, 'AWS::Route53Resolver::FirewallRuleGroup');
  assert.deepEqual((FirewallRules as { Action: string; Priority: number }[]).map(({ Action, Priority }) => [Action, Priority]), [['ALLOW', 100], ['BLOCK', 200]]);
});
