// CloudFront caches only what the programs allow; its firewall stops programs, not visitors.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileOf } from '../src/sale.js';
import { KEPT, LOGINS_PER_MIN, REQUESTS_PER_MIN } from '../src/world.js';
import { ofType, only, refers, SALE, templates } from './made.js';

// For each path, the source file that sets the header, and its text.
const SAID: Record<string, [string, string]> = {
  '/e/*': ['queue-front/src/core/wait/keep.c', 'CLOSED_S = 60,'],
  '/v1/queue/*/status': ['queue-front/src/front/front_render.c', 'Cache-Control: public, max-age=1, stale-while-revalidate=1\\r\\n'],
  '/.well-known/jwks.json': ['queue-front/src/api/pass_api.c', 'Cache-Control: public, max-age=60\\r\\n'],
  '/assets/*': ['queue-front/src/pages/pages.c', 'Cache-Control: public, max-age=31536000, immutable\\r\\n'],
  '/seats/-/*': ['common/web/site.c', 'public, max-age=31536000, immutable'],
  '/pay/-/*': ['common/web/site.c', 'public, max-age=31536000, immutable'],
  '/v1/pay/ticket-keys': ['payment-adapter/src/api/ticket_http.c', 'Cache-Control: public, max-age=300\\r\\n'],
  '/v1/pay/events/*/revoked-tickets': ['payment-adapter/src/api/ticket_http.c', 'Cache-Control: public, max-age=10\\r\\n'],
  '/v1/pay/events/*/refund-terms': ['payment-adapter/src/admin/refund_terms_http.c', 'public, max-age=10'],
};
const ROOTS: Record<string, string> = { '/seats/-/*': 'seat-service/src/api/hall_page.c', '/pay/-/*': 'payment-adapter/src/pages/pages.c', '/assets/*': 'queue-front/src/pages/waiting_page.c' };

const DISABLED = '4135ea2d-6df8-44a3-9df3-4b5a84be39ad'; // AWS's policy CachingDisabled; below its AllViewer
const distribution = () => only(templates().world, 'AWS::CloudFront::Distribution').DistributionConfig;
const acl = () => only(templates().world, 'AWS::WAFv2::WebACL');

test('each thing that is kept is kept for as long as its program says, and no longer', () => {
  assert.deepEqual(KEPT.map(({ path }) => path).sort(), Object.keys(SAID).sort());
  for (const { path, maxS } of KEPT) {
    const [file, said] = SAID[path]!;
    assert.ok(fileOf(file).includes(said), `${file} says ${said}`);
    assert.equal(path === '/e/*' ? 60 : Number(/max-age=(\d+)/.exec(said)![1]), maxS, path);
    if (ROOTS[path] !== undefined) assert.ok(fileOf(ROOTS[path]).includes(`"${path.replace('/*', '')}"`), `${ROOTS[path]} serves ${path}`);
  }
});

test('every public max-age of the three programs is in that list', () => {
  const shared = ['queue-front/src/pages/pages.c', ...Object.values(SAID).map(([file]) => file).filter((file) => !file.endsWith('keep.c'))];
  for (const file of new Set(shared)) {
    const found = [...fileOf(file).matchAll(/public, max-age=(\d+)/g)].map(([, age]) => Number(age));
    const ages = Object.values(SAID).filter(([path]) => path === file).map(([, said]) => Number(/max-age=(\d+)/.exec(said)![1]));
    for (const age of found) assert.ok(ages.includes(age) || (file.endsWith('pages/pages.c') && age === 86_400), `${file}: ${age}`); // the preview lies below /assets
  }
});

test('in all else nothing is kept, and all that a visitor sends is passed on', () => {
  const { DefaultCacheBehavior, CacheBehaviors } = distribution();
  const allViewer = '216adef6-5c7f-47e4-b989-5492eafa07d3';
  assert.equal(DefaultCacheBehavior.CachePolicyId, DISABLED);
  for (const one of [DefaultCacheBehavior, ...CacheBehaviors]) {
    assert.equal(one.OriginRequestPolicyId, allViewer);
    assert.equal(one.ViewerProtocolPolicy, 'redirect-to-https');
  }
  assert.ok(DefaultCacheBehavior.AllowedMethods.includes('POST'));
  for (const one of CacheBehaviors) assert.deepEqual(one.AllowedMethods, ['GET', 'HEAD']);
});

test('a policy for keeping never keeps what is not said to be kept, and tells visitors apart by no cookie', () => {
  const policies = ofType(templates().world, 'AWS::CloudFront::CachePolicy').map(([, { Properties }]) => Properties.CachePolicyConfig);
  assert.deepEqual([...new Set(policies.map(({ MaxTTL }) => MaxTTL))].sort((a, b) => a - b), [...new Set(KEPT.map(({ maxS }) => maxS))].sort((a, b) => a - b));
  for (const { MinTTL, MaxTTL, DefaultTTL, ParametersInCacheKeyAndForwardedToOrigin: key } of policies) {
    assert.deepEqual([MinTTL, DefaultTTL], [0, 0]);
    assert.equal(key.CookiesConfig.CookieBehavior, 'none');
    if (MaxTTL === 60 && key.HeadersConfig.HeaderBehavior !== 'none') continue; // the page, below
    assert.equal(key.HeadersConfig.HeaderBehavior, 'none');
  }
});

test('answers that differ by their query are kept apart', () => {
  const asked: Record<string, string[]> = { '/e/*': ['lang', 'notice', 'reference'], '/v1/pay/events/*/revoked-tickets': ['after'] };
  for (const { PathPattern, CachePolicyId } of distribution().CacheBehaviors.filter((one: { CachePolicyId: unknown }) => one.CachePolicyId !== DISABLED)) {
    const { QueryStringsConfig } = templates().world.Resources[refers(CachePolicyId)!]!.Properties.CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin;
    assert.deepEqual(QueryStringsConfig.QueryStrings ?? [], asked[PathPattern] ?? [], PathPattern);
  }
});

test('the waiting page is kept once a language, and one that is made for a visitor is not looked for there', () => {
  const behaviours = distribution().CacheBehaviors as { PathPattern: string; CachePolicyId: unknown; FunctionAssociations?: { EventType: string; FunctionARN: unknown }[] }[];
  const paths = behaviours.map(({ PathPattern }) => PathPattern);
  assert.ok(paths.indexOf('/e/*/mine') < paths.indexOf('/e/*'));
  assert.equal(behaviours[paths.indexOf('/e/*/mine')]!.CachePolicyId, DISABLED);
  const page = behaviours[paths.indexOf('/e/*')]!;
  assert.deepEqual(page.FunctionAssociations!.map(({ EventType }) => EventType), ['viewer-request']);
  const key = templates().world.Resources[refers(page.CachePolicyId)!]!.Properties.CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin;
  assert.deepEqual(key.HeadersConfig.Headers, ['Accept-Language']);
  const code = only(templates().world, 'AWS::CloudFront::Function').FunctionCode as string;
  const handler = new Function(`${code}; return handler;`)() as (event: object) => { headers: Record<string, { value: string }> };
  const cut = (value?: string) => handler({ request: { headers: value === undefined ? {} : { 'accept-language': { value } } } }).headers['accept-language']!.value;
  assert.deepEqual([cut('ko-KR,ko;q=0.9,en;q=0.8'), cut('KO'), cut('en-GB,ko'), cut('de'), cut()], ['ko', 'ko', 'en', 'en', 'en']);
});

test('CloudFront comes to the door by TLS with a word that nobody else has, and the door lets nobody else in', () => {
  const { Origins, ViewerCertificate } = distribution();
  assert.equal(Origins.length, 1);
  const [origin] = Origins;
  assert.equal(origin.DomainName, `origin.${SALE.domain}`);
  assert.deepEqual([origin.CustomOriginConfig.OriginProtocolPolicy, origin.CustomOriginConfig.OriginSSLProtocols], ['https-only', ['TLSv1.2']]);
  assert.equal(ViewerCertificate.MinimumProtocolVersion, 'TLSv1.2_2021');
  const [header] = origin.OriginCustomHeaders;
  for (const template of [templates().first, templates().second]) {
    assert.equal(only(template, 'AWS::ElasticLoadBalancingV2::Listener').DefaultActions[0].FixedResponseConfig.StatusCode, '403');
    const rules = ofType(template, 'AWS::ElasticLoadBalancingV2::ListenerRule');
    assert.equal(rules.length, 1);
    const [condition] = rules[0]![1].Properties.Conditions;
    assert.equal(condition.HttpHeaderConfig.HttpHeaderName, header.HeaderName);
    assert.match(JSON.stringify(condition.HttpHeaderConfig.Values), /resolve:secretsmanager:fairgate\/door-word/);
  }
});

test('the balancer hands on what CloudFront says of the visitor, and adds nothing to it', () => {
  const { LoadBalancerAttributes } = only(templates().first, 'AWS::ElasticLoadBalancingV2::LoadBalancer');
  const attributes = new Map((LoadBalancerAttributes as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value]));
  assert.equal(attributes.get('routing.http.xff_header_processing.mode'), 'preserve');
  assert.equal(attributes.get('deletion_protection.enabled'), 'true');
});

test('the firewall lets an address ask as often as the edge does, and judges nobody by who they seem to be', () => {
  const pace = Number(/"requests_per_10s"\] = (\d+)/.exec(fileOf('infra/edge/edge.awk'))![1]);
  assert.equal(REQUESTS_PER_MIN, pace * 6);
  const { Rules, DefaultAction } = acl();
  assert.deepEqual(DefaultAction, { Allow: {} });
  const told = Rules.map(({ Name, Statement, Action, OverrideAction }: any) => [
    Name, Statement.RateBasedStatement?.Limit ?? Statement.ManagedRuleGroupStatement.Name, Action?.Block?.CustomResponse.ResponseCode ?? Object.keys(OverrideAction)[0],
  ]);
  assert.deepEqual(told, [
    ['requests', REQUESTS_PER_MIN, 429], ['logins', LOGINS_PER_MIN, 429],
    ['known-bad-inputs', 'AWSManagedRulesKnownBadInputsRuleSet', 'None'], ['reputation', 'AWSManagedRulesAmazonIpReputationList', 'Count'],
  ]);
  assert.doesNotMatch(JSON.stringify(Rules), /BotControl|Captcha|Challenge|AnonymousIp/);
});

test('who asks too often hears from the firewall what the edge would say', () => {
  const { CustomResponseBodies, Rules } = acl();
  const said = /status 429 content-type application\/problem\+json string '([^']+)' hdr Retry-After (\d+)/.exec(fileOf('infra/edge/haproxy.cfg'))!;
  assert.deepEqual(JSON.parse(CustomResponseBodies.tooMany.Content), JSON.parse(said[1]!));
  const headers = Rules[0].Action.Block.CustomResponse.ResponseHeaders as { Name: string; Value: string }[];
  assert.equal(headers.find(({ Name }) => Name === 'Retry-After')!.Value, said[2]);
});

test('a client closes an idle connection before its server does, and streams send before either does', () => {
  const told = (file: string, pattern: RegExp) => Number(pattern.exec(fileOf(file))![1]);
  const attributes = only(templates().first, 'AWS::ElasticLoadBalancingV2::LoadBalancer').LoadBalancerAttributes as { Key: string; Value: string }[];
  const balancer = Number(attributes.find(({ Key }) => Key === 'idle_timeout.timeout_seconds')!.Value);
  const { OriginKeepaliveTimeout, OriginReadTimeout } = distribution().Origins[0].CustomOriginConfig;
  const stream = told('common/http/http_internal.h', /HTTP_STREAM_KEEPALIVE_MS = (\d+)/) / 1000;
  assert.ok(OriginKeepaliveTimeout < balancer && balancer < told('infra/edge/haproxy.cfg', /timeout http-keep-alive (\d+)s/));
  assert.ok(stream < balancer && stream < OriginReadTimeout);
});

test('the name of the sale leads to CloudFront by both families of addresses', () => {
  const records = ofType(templates().world, 'AWS::Route53::RecordSet').map(([, { Properties }]) => [Properties.Name, Properties.Type]);
  assert.deepEqual(records.sort(), [[`${SALE.domain}.`, 'A'], [`${SALE.domain}.`, 'AAAA']]);
});
