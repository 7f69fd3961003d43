// door.ts: the load balancer behind CloudFront, and its name in Route 53, which leads to the second region once an
// operator has given up the first one.
//
// It is an application load balancer: its certificate is renewed by AWS, and it can check the secret header that
// proves that a request comes from our CloudFront. The edges behind it choose the server of a request, since they
// notice a dead one within two seconds; the balancer would take ten.

import { CfnParameter, Duration, SecretValue, Stack } from 'aws-cdk-lib';
import * as elb from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as route53 from 'aws-cdk-lib/aws-route53';
import type { FargateService } from 'aws-cdk-lib/aws-ecs';
import { PORTS, type Network } from './network.js';
import type { Sale } from './sale.js';
import { secretPath } from './secrets.js';

export const WORD_HEADER = 'x-fairgate-door';
export const WORD_SECRET = 'door-word';
// Each client must close an idle connection before its server does, or a request could be sent into a closed one.
// So CloudFront closes after 20 s, the balancer after 25, the edge after 30 (infra/edge/haproxy.cfg). Streams send more often.
export const KEPT_S = 25;
export const originName = (sale: Sale): string => `origin.${sale.domain}`;

export function doorOf(stack: Stack, sale: Sale, network: Network, edges: FargateService, second: boolean): elb.ApplicationLoadBalancer {
  const parameter = (id: string, description: string) => new CfnParameter(stack, id, { description, allowedPattern: '.+' }).valueAsString;
  const balancer = new elb.ApplicationLoadBalancer(stack, 'Door', {
    vpc: network.vpc, internetFacing: true, vpcSubnets: { subnets: network.subnets('door') }, securityGroup: network.groups.door,
    deletionProtection: true, dropInvalidHeaderFields: true, idleTimeout: Duration.seconds(KEPT_S), http2Enabled: true,
    xffHeaderProcessingMode: elb.XffHeaderProcessingMode.PRESERVE, // CloudFront has appended the visitor's address
    desyncMitigationMode: elb.DesyncMitigationMode.STRICTEST,
  });
  const listener = balancer.addListener('Https', {
    port: 443, protocol: elb.ApplicationProtocol.HTTPS, open: false, sslPolicy: elb.SslPolicy.TLS13_RES,
    certificates: [elb.ListenerCertificate.fromArn(parameter('Certificate', `Certificate for ${sale.domain} and ${originName(sale)} in this region`))],
    defaultAction: elb.ListenerAction.fixedResponse(403, {
      contentType: 'application/json', messageBody: '{"type":"about:blank","title":"Forbidden","status":403,"code":"forbidden"}',
    }),
  });
  const targets = new elb.ApplicationTargetGroup(stack, 'Edges', {
    vpc: network.vpc, port: PORTS.edge, protocol: elb.ApplicationProtocol.HTTP, targetType: elb.TargetType.IP, targets: [edges],
    deregistrationDelay: Duration.seconds(60), loadBalancingAlgorithmType: elb.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
    healthCheck: { port: `${PORTS.health}`, path: '/healthz', interval: Duration.seconds(5), timeout: Duration.seconds(2), healthyThresholdCount: 2, unhealthyThresholdCount: 2 },
  });
  const word = SecretValue.secretsManager(secretPath(sale, WORD_SECRET)).unsafeUnwrap();
  listener.addAction('Ours', { priority: 1, conditions: [elb.ListenerCondition.httpHeader(WORD_HEADER, [word])], action: elb.ListenerAction.forward([targets]) });
  named(stack, sale, balancer, second);
  return balancer;
}

// No region is given up automatically. Its line and databases must be taken over first, and two regions that sell
// the same seats are worse than a minute's outage. So the first region's record depends on a calculated health check
// without children. It is healthy at threshold 0, and unhealthy once an operator runs
//     aws route53 update-health-check --health-check-id ID --health-threshold 1
function named(stack: Stack, sale: Sale, balancer: elb.ApplicationLoadBalancer, second: boolean): void {
  const zone = new CfnParameter(stack, 'Zone', { description: `Hosted zone of ${sale.domain} in Route 53`, allowedPattern: 'Z[A-Z0-9]+' }).valueAsString;
  const given = second ? undefined : new route53.CfnHealthCheck(stack, 'Given', {
    healthCheckConfig: { type: 'CALCULATED', childHealthChecks: [], healthThreshold: 0 },
    healthCheckTags: [{ key: 'Name', value: `${sale.name}: to give the first region up, let it want 1` }],
  });
  new route53.CfnRecordSet(stack, 'Origin', {
    hostedZoneId: zone, name: `${originName(sale)}.`, type: 'A', setIdentifier: Stack.of(balancer).region,
    failover: second ? 'SECONDARY' : 'PRIMARY', healthCheckId: given?.attrHealthCheckId,
    aliasTarget: { dnsName: balancer.loadBalancerDnsName, hostedZoneId: balancer.loadBalancerCanonicalHostedZoneId, evaluateTargetHealth: false },
  });
}
