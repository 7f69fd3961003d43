// network.ts: the sale's own network, in three zones, and its allowed connections.
//
//   door    load balancer and NAT gateways: the only subnets that the internet reaches
//   inner   edges, seats, the collector: they reach only the endpoints
//   line    the waiting room: reaches the internet, for the beacon of a draw
//   pay     the payment adapter: reaches the provider, and as the only one the shop
//   store   Redis and the databases: no outgoing connections
//
// Only the connections in allow() and listed() are possible; test/reach.test.ts computes them again from the template.
// Security groups are stateful: the shop can answer the adapter, but cannot open a connection.

import { ArnFormat, CfnParameter, type Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as resolver from 'aws-cdk-lib/aws-route53resolver';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Place, Sale } from './sale.js';

export const PORTS = {
  edge: 8080,
  health: 8404, // of the edge
  'queue-front': { open: 8081, private: 8091 },
  'seat-service': { open: 8082, private: 8092 },
  'payment-adapter': { open: 8083, private: 8093 },
  redis: 6379,
  postgres: 5432,
} as const;

const GROUPS = {
  door: 'the load balancer, behind CloudFront',
  edge: 'HAProxy',
  line: 'queue-front',
  seats: 'seat-service',
  pay: 'payment-adapter, the only one that may open to the shop',
  redis: 'the lines',
  seatsDb: 'the journal of the seats',
  payDb: 'orders and sagas',
  endpoints: 'ways to AWS that do not leave the network',
  collector: 'reads metrics',
  roles: 'makes the roles in the databases, once',
  operators: 'for operators: put a CloudShell of this network into it',
} as const;

export type Group = keyof typeof GROUPS;
export type Groups = Record<Group, ec2.SecurityGroup>;
const TASKS: Group[] = ['edge', 'line', 'seats', 'pay', 'collector', 'roles'];

export interface Network {
  vpc: ec2.Vpc;
  groups: Groups;
  subnets: (kind: string) => ec2.ISubnet[];
  cidrs: (kind: string) => string[];
}

const ROUTED = ec2.SubnetType.PRIVATE_WITH_EGRESS;
const ALONE = ec2.SubnetType.PRIVATE_ISOLATED;

function vpcOf(stack: Stack, place: Place, key: IKey): ec2.Vpc {
  const vpc = new ec2.Vpc(stack, 'Vpc', {
    ipAddresses: ec2.IpAddresses.cidr(place.cidr),
    availabilityZones: place.zones,
    natGateways: 3,
    restrictDefaultSecurityGroup: false, // nothing uses that group, and CDK would need a Lambda function to empty it
    subnetConfiguration: [
      { name: 'door', subnetType: ec2.SubnetType.PUBLIC, cidrMask: 24, mapPublicIpOnLaunch: false },
      { name: 'line', subnetType: ROUTED, cidrMask: 24 },
      { name: 'pay', subnetType: ROUTED, cidrMask: 24 },
      { name: 'inner', subnetType: ALONE, cidrMask: 24 },
      { name: 'store', subnetType: ALONE, cidrMask: 24 },
    ],
  });
  const flows = new logs.LogGroup(stack, 'Flows', { retention: logs.RetentionDays.TWO_WEEKS, encryptionKey: key });
  // Only refused connections are logged, since accepted ones would record personal data of visitors.
  vpc.addFlowLog('Refused', { destination: ec2.FlowLogDestination.toCloudWatchLogs(flows), trafficType: ec2.FlowLogTrafficType.REJECT });
  return vpc;
}

function groupsOf(stack: Stack, vpc: ec2.Vpc): Groups {
  const made = Object.entries(GROUPS).map(([name, description]) => [name, new ec2.SecurityGroup(stack, `Group-${name}`, {
    vpc, description, allowAllOutbound: false, disableInlineRules: true,
  })]);
  return Object.fromEntries(made) as Groups;
}

function allow(groups: Groups, sale: Sale): void {
  const open = (from: Group, to: Group, port: number) => groups[from].connections.allowTo(groups[to], ec2.Port.tcp(port), `${from} to ${to}`);
  open('door', 'edge', PORTS.edge);
  open('door', 'edge', PORTS.health);
  open('edge', 'line', PORTS['queue-front'].open);
  open('edge', 'line', PORTS['queue-front'].private); // HAProxy asks for health there
  open('edge', 'seats', PORTS['seat-service'].open);
  open('edge', 'seats', PORTS['seat-service'].private);
  open('edge', 'pay', PORTS['payment-adapter'].open);
  open('edge', 'pay', PORTS['payment-adapter'].private);
  open('line', 'redis', PORTS.redis);
  open('line', 'seats', PORTS['seat-service'].private); // [visits]: is an event served, and who has left
  open('line', 'pay', PORTS['payment-adapter'].private); // [autopilot] health
  open('seats', 'line', PORTS['queue-front'].open); // [passes] keys_url
  open('seats', 'seatsDb', PORTS.postgres);
  open('pay', 'line', PORTS['queue-front'].open);
  open('pay', 'line', PORTS['queue-front'].private);
  open('pay', 'seats', PORTS['seat-service'].open);
  open('pay', 'seats', PORTS['seat-service'].private);
  open('pay', 'payDb', PORTS.postgres);
  open('roles', 'seatsDb', PORTS.postgres);
  open('roles', 'payDb', PORTS.postgres);
  for (const service of ['line', 'seats', 'pay'] as const) {
    const port = { line: 8091, seats: 8092, pay: 8093 }[service];
    open('collector', service, port);
    open('operators', service, port);
  }
  for (const task of TASKS) open(task, 'endpoints', 443);

  const world = (from: Group, to: ec2.IPeer, port: number, why: string) => groups[from].addEgressRule(to, ec2.Port.tcp(port), why);
  world('line', ec2.Peer.anyIpv4(), 443, 'the beacon of a draw');
  world('pay', ec2.Peer.anyIpv4(), 443, 'the payment provider');
  // The only connections to the shop. There are none from the shop: the adapter sends it everything,
  // and no contract has a callback.
  world('pay', ec2.Peer.ipv4(sale.shop.cidr), sale.shop.databasePort, 'the user database of the shop');
  if (sale.shop.ordersPort !== 443) world('pay', ec2.Peer.ipv4(sale.shop.cidr), sale.shop.ordersPort, 'the order API of the shop');
}

// Prefix lists that AWS maintains. Their ids differ by region, so they are parameters.
function listed(stack: Stack, groups: Groups): void {
  const list = (id: string, description: string) => ec2.Peer.prefixList(new CfnParameter(stack, id, { description, allowedPattern: 'pl-[0-9a-f]+' }).valueAsString);
  groups.door.addIngressRule(list('CloudFrontAddresses', 'Prefix list com.amazonaws.global.cloudfront.origin-facing of this region'), ec2.Port.tcp(443), 'CloudFront');
  const s3 = list('S3Addresses', 'Prefix list com.amazonaws.REGION.s3 of this region');
  for (const task of TASKS) groups[task].addEgressRule(s3, ec2.Port.tcp(443), 'layers of images, by the endpoint of S3');
}

// Each endpoint has a policy of allowed actions and resources. Without it, an isolated subnet could still write to the
// buckets and logs of other accounts.
function endpoints(stack: Stack, network: Network, sale: Sale): void {
  const { vpc, groups } = network;
  const anybody = (actions: string[], ...resources: string[]) => new iam.PolicyStatement({ principals: [new iam.AnyPrincipal()], actions, resources });
  const ours = (actions: string[], ...resources: string[]) => {
    const statement = anybody(actions, ...resources);
    statement.addCondition('StringEquals', { 'aws:PrincipalAccount': stack.account });
    return statement;
  };
  const arn = (service: string, resource: string, resourceName: string, arnFormat = ArnFormat.COLON_RESOURCE_NAME) => stack.formatArn({ service, resource, resourceName, arnFormat });
  const images = [
    ours(['ecr:GetAuthorizationToken'], '*'),
    ours(['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchCheckLayerAvailability'], arn('ecr', 'repository', `${sale.name}/*`, ArnFormat.SLASH_RESOURCE_NAME)),
  ];
  // Image layers are in a bucket of AWS, at URLs that the registry signs.
  vpc.addGatewayEndpoint('S3', { service: ec2.GatewayVpcEndpointAwsService.S3 }).addToPolicy(anybody(['s3:GetObject'], `arn:${stack.partition}:s3:::prod-${stack.region}-starport-layer-bucket/*`));
  const add = (name: string, service: ec2.InterfaceVpcEndpointAwsService, group: ec2.SecurityGroup, may: iam.PolicyStatement[]) => {
    const endpoint = vpc.addInterfaceEndpoint(name, { service, subnets: { subnets: network.subnets('inner') }, securityGroups: [group], open: false });
    for (const statement of may) endpoint.addToPolicy(statement);
  };
  const { ECR, ECR_DOCKER, CLOUDWATCH_LOGS, SECRETS_MANAGER, PROMETHEUS_WORKSPACES } = ec2.InterfaceVpcEndpointAwsService;
  add('EcrApi', ECR, groups.endpoints, images);
  add('EcrDocker', ECR_DOCKER, groups.endpoints, images);
  add('Logs', CLOUDWATCH_LOGS, groups.endpoints, [ours(['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'], arn('logs', 'log-group', `${stack.stackName}-*`))]);
  add('Secrets', SECRETS_MANAGER, groups.endpoints, [ours(['secretsmanager:GetSecretValue'], arn('secretsmanager', 'secret', `${sale.name}/*`), arn('secretsmanager', 'secret', 'rds!cluster-*'))]);
  add('Figures-endpoint', PROMETHEUS_WORKSPACES, groups.endpoints, [ours(['aps:RemoteWrite'], arn('aps', 'workspace', '*', ArnFormat.SLASH_RESOURCE_NAME))]);
}

// Only the adapter's subnets have a route to the shop. The shop's side adds routes back to these three subnets.
function peering(stack: Stack, network: Network, sale: Sale): void {
  const text = (id: string, description: string) => new CfnParameter(stack, id, { description, allowedPattern: '.+' }).valueAsString;
  const peer = new ec2.CfnVPCPeeringConnection(stack, 'Shop', {
    vpcId: network.vpc.vpcId,
    peerVpcId: text('ShopVpc', 'The network of the shop'),
    peerOwnerId: text('ShopAccount', 'The account that it belongs to'),
    peerRoleArn: text('ShopPeeringRole', 'A role there that accepts the peering'),
    peerRegion: sale.shop.region,
  });
  network.subnets('pay').forEach((subnet, i) => {
    new ec2.CfnRoute(stack, `ToShop${i + 1}`, { routeTableId: subnet.routeTable.routeTableId, destinationCidrBlock: sale.shop.cidr, vpcPeeringConnectionId: peer.attrId });
  });
}

// Allows only these names to be resolved. Connections to addresses without a name are limited only by the groups.
function names(stack: Stack, network: Network, sale: Sale): void {
  const { shop, outward } = sale;
  const shops = [shop.databaseHost, new URL(shop.ordersUrl).hostname];
  const good = ['*.amazonaws.com', `*.${sale.name}.internal`, ...new Set([...shops, ...outward.provider, ...outward.beacon])];
  const domains = (id: string, list: string[]) => new resolver.CfnFirewallDomainList(stack, id, { domains: list }).attrId;
  const rules = new resolver.CfnFirewallRuleGroup(stack, 'Names', {
    firewallRules: [
      { action: 'ALLOW', firewallDomainListId: domains('NamesGood', good), firewallDomainRedirectionAction: 'TRUST_REDIRECTION_DOMAIN', priority: 100 },
      { action: 'BLOCK', blockResponse: 'NXDOMAIN', firewallDomainListId: domains('NamesAll', ['*']), priority: 200 },
    ],
  });
  new resolver.CfnFirewallRuleGroupAssociation(stack, 'NamesHere', { firewallRuleGroupId: rules.attrId, vpcId: network.vpc.vpcId, priority: 101 });
}

export function networkOf(stack: Stack, sale: Sale, place: Place, key: IKey): Network {
  const vpc = vpcOf(stack, place, key);
  const subnets = (kind: string) => vpc.selectSubnets({ subnetGroupName: kind }).subnets;
  const network: Network = { vpc, groups: groupsOf(stack, vpc), subnets, cidrs: (kind) => subnets(kind).map(({ ipv4CidrBlock }) => ipv4CidrBlock) };
  allow(network.groups, sale);
  listed(stack, network.groups);
  endpoints(stack, network, sale);
  peering(stack, network, sale);
  names(stack, network, sale);
  return network;
}
