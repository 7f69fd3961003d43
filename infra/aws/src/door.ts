// door.ts: the balancer that CloudFront comes to, and its name in Route 53, which leads to the second region
// once somebody has given the first one up.
//
// An application load balancer rather than a network one: it shows a certificate that AWS renews, and can ask
// for the secret header that proves it is our CloudFront. Which server a request goes to is decided
// by the edges behind it, which notice within two seconds that one has gone; the balancer would take ten.

import { CfnParameter, Duration, SecretValue, Stack } from 'aws-cdk-lib';
import * as elb from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as route53 from 'aws-cdk-lib/aws-route53';
import type { FargateService } from 'aws-cdk-lib/aws-ecs';
import { PORTS, type Network } from './network.js';
import type { Sale } from './sale.js';
import { secretPath } from './secrets.js';

export const WORD_HEADER = 'x-fairgate-door';
export const WORD_SECRET = 'door-word';
// Who asks lets go of a kept connection before who answers does, or a request is sent into one that just closed:
// CloudFront after 20 s, the balancer after 25, the edge after 30 (infra/edge/haproxy.cfg). Streams say something sooner.
export const KEPT_S = 25;
export const originName = (sale: Sale): string => `origin.${sale.domain}`;

export function doorOf(stack: Stack, sale: Sale, network: Network, edges: FargateService, second: boolean): elb.ApplicationLoadBalancer {
  const parameter = (id: string, description: string) => new CfnParameter(stack, id, { description, allowedPattern: '.+' }).valueAsString;
  const balancer = new elb.ApplicationLoadBalancer(stack, 'Door', {
    vpc: network.vpc, internetFacing: true, vpcSubnets: { subnets: network.subnets('door') }, securityGroup: network.groups.door,
    deletionProtection: true, dropInvalidHeaderFields: true, idleTimeout: Duration.seconds(KEPT_S), http2Enabled: true,
    xffHeaderProcessingMode: elb.XffHeaderProcessingMode.PRESERVE, // CloudFront has written the visitor's address last
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
    healthCheck: { path: '/healthz', interval: Duration.seconds(5), timeout: Duration.seconds(2), healthyThresholdCount: 2, unhealthyThresholdCount: 2 },
  });
  const word = SecretValue.secretsManager(secretPath(sale, WORD_SECRET)).unsafeUnwrap();
  listener.addAction('Ours', { priority: 1, conditions: [elb.ListenerCondition.httpHeader(WORD_HEADER, [word])], action: elb.ListenerAction.forward([targets]) });
  named(stack, sale, balancer, second);
  return balancer;
}

// Nothing here gives a region up by itself: its line and its databases have to be taken over first, and two
// regions that sell the same seats are worse than a minute of silence. So the first one's record hangs on a
// health check of no children: healthy as long as it wants none of them, not healthy once it is set to want one
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
