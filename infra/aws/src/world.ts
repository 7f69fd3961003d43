// world.ts: what visitors reach first, for both regions: CloudFront with its firewall (in us-east-1, as AWS requires), and
// the sale's domain name.

import { CfnParameter, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import * as acm from 'aws-cdk-lib/aws-certificatemanager';
import * as cf from 'aws-cdk-lib/aws-cloudfront';
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as route53 from 'aws-cdk-lib/aws-route53';
import * as sm from 'aws-cdk-lib/aws-secretsmanager';
import * as waf from 'aws-cdk-lib/aws-wafv2';
import type { Construct } from 'constructs';
import { KEPT_S, originName, WORD_HEADER, WORD_SECRET } from './door.js';
import type { Sale } from './sale.js';
import { secretPath } from './secrets.js';

// The paths that the services allow shared caches to store, and for how long. All others are no-store or private, and are
// passed through. test/world.test.ts compares this list with the headers in the programs' sources.
// `query`: the parameters by which answers differ.
export const KEPT: { path: string; maxS: number; query?: string[] }[] = [
  { path: '/e/*', maxS: 60 }, // the waiting page of visitors without a place; the others' page is no-store
  { path: '/v1/queue/*/status', maxS: 1 },
  { path: '/.well-known/jwks.json', maxS: 60 },
  { path: '/assets/*', maxS: 31_536_000 },
  { path: '/seats/-/*', maxS: 31_536_000 },
  { path: '/pay/-/*', maxS: 31_536_000 },
  { path: '/v1/pay/ticket-keys', maxS: 300 },
  { path: '/v1/pay/events/*/revoked-tickets', maxS: 10, query: ['after'] },
  { path: '/v1/pay/events/*/refund-terms', maxS: 10 },
];

// The edge's rate limit per address (infra/edge/edge.awk: 3,000 in 10 s), for the minute in which the firewall counts.
// The firewall does not do the line's work: it has no bot rules, no puzzles and no blocking address lists, because
// waiting visitors poll again and again from shared addresses of offices, schools and phone networks.
export const REQUESTS_PER_MIN = 18_000;
export const LOGINS_PER_MIN = 600;

const TOO_MANY = JSON.stringify({ type: 'about:blank', title: 'Too Many Requests', status: 429, code: 'too-many-requests' });

function rule(name: string, priority: number, statement: waf.CfnWebACL.StatementProperty, how: Partial<waf.CfnWebACL.RuleProperty>): waf.CfnWebACL.RuleProperty {
  // No sampled requests: they would contain addresses and cookies.
  return { name, priority, statement, visibilityConfig: { metricName: name, cloudWatchMetricsEnabled: true, sampledRequestsEnabled: false }, ...how };
}

function firewall(stack: Stack, sale: Sale): waf.CfnWebACL {
  const slow = { action: { block: { customResponse: { responseCode: 429, customResponseBodyKey: 'tooMany', responseHeaders: [{ name: 'Retry-After', value: '5' }, { name: 'Cache-Control', value: 'no-store' }] } } } };
  const pace = (limit: number, scopeDownStatement?: waf.CfnWebACL.StatementProperty): waf.CfnWebACL.StatementProperty =>
    ({ rateBasedStatement: { aggregateKeyType: 'IP', evaluationWindowSec: 60, limit, scopeDownStatement } });
  const logins = { byteMatchStatement: { fieldToMatch: { uriPath: {} }, positionalConstraint: 'EXACTLY', searchString: '/v1/pay/login', textTransformations: [{ priority: 0, type: 'NORMALIZE_PATH' }] } };
  const kept = (name: string): waf.CfnWebACL.StatementProperty => ({ managedRuleGroupStatement: { vendorName: 'AWS', name } });
  return new waf.CfnWebACL(stack, 'Firewall', {
    name: sale.name, scope: 'CLOUDFRONT', defaultAction: { allow: {} },
    visibilityConfig: { metricName: sale.name, cloudWatchMetricsEnabled: true, sampledRequestsEnabled: false },
    customResponseBodies: { tooMany: { contentType: 'APPLICATION_JSON', content: TOO_MANY } },
    rules: [
      rule('requests', 1, pace(REQUESTS_PER_MIN), slow),
      rule('logins', 2, pace(LOGINS_PER_MIN, logins), slow),
      rule('known-bad-inputs', 3, kept('AWSManagedRulesKnownBadInputsRuleSet'), { overrideAction: { none: {} } }),
      rule('reputation', 4, kept('AWSManagedRulesAmazonIpReputationList'), { overrideAction: { count: {} } }),
    ],
  });
}

// Reduces Accept-Language to a language of the pages, so that there is one copy per language, not per browser.
const LANGUAGE = `function handler(event) {
  var headers = event.request.headers, told = headers['accept-language'];
  headers['accept-language'] = { value: told && /^ko/i.test(told.value) ? 'ko' : 'en' };
  return event.request;
}`;

// The page differs by language, and by a notice about what has just happened (queue-front/README.md, "Kept by caches").
function pagePolicy(stack: Stack, sale: Sale, maxS: number): cf.CachePolicy {
  return new cf.CachePolicy(stack, 'KeepPage', {
    cachePolicyName: `${sale.name}-keep-page`, minTtl: Duration.seconds(0), defaultTtl: Duration.seconds(0), maxTtl: Duration.seconds(maxS),
    enableAcceptEncodingBrotli: true, enableAcceptEncodingGzip: true, cookieBehavior: cf.CacheCookieBehavior.none(),
    queryStringBehavior: cf.CacheQueryStringBehavior.allowList('lang', 'notice', 'reference'), headerBehavior: cf.CacheHeaderBehavior.allowList('Accept-Language'),
  });
}

function distribution(stack: Stack, sale: Sale, word: sm.Secret, acl: waf.CfnWebACL): cf.Distribution {
  const origin = new origins.HttpOrigin(originName(sale), {
    protocolPolicy: cf.OriginProtocolPolicy.HTTPS_ONLY, originSslProtocols: [cf.OriginSslPolicy.TLS_V1_2],
    customHeaders: { [WORD_HEADER]: word.secretValue.unsafeUnwrap() },
    readTimeout: Duration.seconds(60), keepaliveTimeout: Duration.seconds(KEPT_S - 5),
    connectionAttempts: 2, connectionTimeout: Duration.seconds(2),
  });
  const passed = { origin, originRequestPolicy: cf.OriginRequestPolicy.ALL_VIEWER, viewerProtocolPolicy: cf.ViewerProtocolPolicy.REDIRECT_TO_HTTPS, compress: false };
  const language = new cf.Function(stack, 'Language', { functionName: `${sale.name}-language`, code: cf.FunctionCode.fromInline(LANGUAGE), runtime: cf.FunctionRuntime.JS_2_0 });
  const keeping = new Map<string, cf.CachePolicy>();
  // minTtl is 0, so that services can set shorter times, and no-store for errors. The programs compress by themselves.
  const policy = (maxS: number, query: string[], name = [maxS, ...query].join('-')): cf.CachePolicy => keeping.get(name) ?? keeping.set(name, new cf.CachePolicy(stack, `Keep${name}`, {
    cachePolicyName: `${sale.name}-keep-${name}`, minTtl: Duration.seconds(0), defaultTtl: Duration.seconds(0), maxTtl: Duration.seconds(maxS),
    enableAcceptEncodingBrotli: true, enableAcceptEncodingGzip: true,
    queryStringBehavior: query.length > 0 ? cf.CacheQueryStringBehavior.allowList(...query) : cf.CacheQueryStringBehavior.none(),
    cookieBehavior: cf.CacheCookieBehavior.none(), headerBehavior: cf.CacheHeaderBehavior.none(),
  })).get(name)!;
  return new cf.Distribution(stack, 'Front', {
    comment: sale.name, domainNames: [sale.domain], webAclId: acl.attrArn, httpVersion: cf.HttpVersion.HTTP2_AND_3,
    minimumProtocolVersion: cf.SecurityPolicyProtocol.TLS_V1_2_2021,
    certificate: acm.Certificate.fromCertificateArn(stack, 'Shown', new CfnParameter(stack, 'Certificate', { description: `Certificate for ${sale.domain}, in us-east-1`, allowedPattern: 'arn:.+' }).valueAsString),
    defaultBehavior: { ...passed, cachePolicy: cf.CachePolicy.CACHING_DISABLED, allowedMethods: cf.AllowedMethods.ALLOW_ALL },
    // The first match counts, so a page for one visitor is not served from the cache.
    additionalBehaviors: {
      '/e/*/mine': { ...passed, cachePolicy: cf.CachePolicy.CACHING_DISABLED, allowedMethods: cf.AllowedMethods.ALLOW_GET_HEAD },
      ...Object.fromEntries(KEPT.map(({ path, maxS, query = [] }) => [path, {
        ...passed, allowedMethods: cf.AllowedMethods.ALLOW_GET_HEAD,
        ...(path === '/e/*' ? { cachePolicy: pagePolicy(stack, sale, maxS), functionAssociations: [{ function: language, eventType: cf.FunctionEventType.VIEWER_REQUEST }] } : { cachePolicy: policy(maxS, query) }),
      }])),
    },
  });
}

export class World extends Stack {
  constructor(scope: Construct, id: string, sale: Sale, props: StackProps) {
    super(scope, id, props);
    const key = new kms.Key(this, 'Key', { enableKeyRotation: true, description: `${sale.name}: the word between CloudFront and the doors` });
    const word = new sm.Secret(this, 'Word', {
      secretName: secretPath(sale, WORD_SECRET), encryptionKey: key, removalPolicy: RemovalPolicy.RETAIN,
      generateSecretString: { passwordLength: 48, excludePunctuation: true },
      replicaRegions: [sale.primary, ...(sale.second === undefined ? [] : [sale.second])].filter(({ region }) => region !== props.env?.region).map(({ region }) => ({ region })),
    });
    const front = distribution(this, sale, word, firewall(this, sale));
    const zone = new CfnParameter(this, 'Zone', { description: `Hosted zone of ${sale.domain} in Route 53`, allowedPattern: 'Z[A-Z0-9]+' }).valueAsString;
    for (const type of ['A', 'AAAA']) {
      new route53.CfnRecordSet(this, `Name${type}`, {
        hostedZoneId: zone, name: `${sale.domain}.`, type,
        aliasTarget: { dnsName: front.distributionDomainName, hostedZoneId: 'Z2FDTNDATAQYW2' }, // the same for every CloudFront distribution
      });
    }
  }
}
