// An OpenID Connect issuer: oidc-provider, with the accounts and key algorithms that a test needs.
//   const issuer = await openIssuer(scope);
//   issuer.account('kim', { email: 'kim@house.example', roles: ['viewer'] });
//   const { access_token, id_token } = await issuer.login('kim');
// Programs log in by the device grant; approve(userCode, account) does what a person would do in a browser.

import { createHmac, createPrivateKey, createPublicKey, randomUUID, sign } from 'node:crypto';
import Provider from 'oidc-provider';
import { makeKeyPair } from './key-pair.js';
import { serve } from './serve.js';
import { until } from './wait.js';

export const AUDIENCE = 'https://fairgate.example'; // the audience of access tokens
export const CLIENT = 'fairgate-cli'; // the audience of ID tokens
export const MACHINE = { id: 'nightly', secret: 'of-the-nightly-job-and-nobody-else' };

const KINDS = { RS256: ['rsa', { modulusLength: 2048 }], ES256: ['ec', { namedCurve: 'P-256' }], EdDSA: ['ed25519', {}] };
const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function makeKey(alg) {
  const { privateKey } = makeKeyPair(...KINDS[alg]);
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `${alg}-${randomUUID()}` };
}

export async function openIssuer(scope) {
  const issuer = new Issuer();
  await issuer.listen(scope);
  return issuer;
}

class Issuer {
  constructor() {
    this.accounts = new Map();
    this.alg = 'RS256'; // for new tokens
    this.format = 'jwt'; // of new access tokens, or 'opaque'
    this.keyCalls = 0; // requests for the key set
    this.away = false; // true: no key set
    this.asked = []; // device codes that wait for approval
  }

  async listen(scope) {
    const { server, url } = await serve(scope, (req, res) => {
      if (req.url.startsWith('/jwks')) {
        this.keyCalls += 1;
        if (this.away) { res.statusCode = 503; res.end(); return; }
      }
      this.handle(req, res);
    });
    server.keepAliveTimeout = 0; // so that no connection closes just before a client reuses it
    this.url = url;
    this.rotate();
  }

  // New keys for all algorithms; tokens of the old keys can no longer be verified.
  rotate() {
    this.keys = Object.keys(KINDS).map(makeKey);
    this.provider = this.#provider();
    this.handle = this.provider.callback();
    this.provider.on('device_code.saved', (code) => { if (code.accountId === undefined && code.error === undefined) this.asked.push(code.userCode); });
  }

  account(id, claims) {
    this.accounts.set(id, claims);
  }

  // Access tokens for a resource are signed with the current `alg`, unless they are opaque.
  #provider() {
    const { accounts } = this;
    const claimsOf = (id) => accounts.get(id) ?? {};
    const issuer = this;
    const resource = () => ({ scope: 'fairgate', accessTokenFormat: issuer.format, accessTokenTTL: 300, jwt: { sign: { alg: issuer.alg } } });
    const grants = ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'];
    return new Provider(this.url, {
      clients: [
        { client_id: CLIENT, token_endpoint_auth_method: 'none', application_type: 'native', grant_types: grants, response_types: [], redirect_uris: [], id_token_signed_response_alg: 'ES256' },
        { client_id: MACHINE.id, client_secret: MACHINE.secret, grant_types: ['client_credentials'], response_types: [], redirect_uris: [] },
      ],
      jwks: { keys: this.keys },
      claims: { openid: ['sub', 'email', 'email_verified', 'roles', 'groups', 'fairgate_events'] },
      conformIdTokenClaims: false,
      enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'] },
      scopes: ['openid', 'offline_access', 'fairgate'],
      features: {
        deviceFlow: { enabled: true },
        clientCredentials: { enabled: true },
        devInteractions: { enabled: false },
        revocation: { enabled: true },
        resourceIndicators: { enabled: true, defaultResource: () => AUDIENCE, useGrantedResource: () => true, getResourceServerInfo: resource },
      },
      ttl: { IdToken: 200, DeviceCode: 600, RefreshToken: 3600, Grant: 3600 },
      extraTokenClaims: (ctx, token) => claimsOf(token.accountId ?? token.clientId),
      findAccount: (ctx, id) => (accounts.has(id) ? { accountId: id, claims: () => ({ sub: id, ...claimsOf(id) }) } : undefined),
      cookies: { keys: [randomUUID()] },
    });
  }

  // A person opens the address on a phone, types the code and agrees.
  async approve(userCode, accountId) {
    const code = await this.provider.DeviceCode.findByUserCode(userCode.replace(/[^A-Za-z0-9]/g, '').toUpperCase(), { ignoreExpiration: false });
    const grant = new this.provider.Grant({ accountId, clientId: code.clientId });
    grant.addOIDCScope('openid offline_access');
    grant.addResourceScope(AUDIENCE, 'fairgate');
    Object.assign(code, { accountId, grantId: await grant.save(), scope: 'openid offline_access fairgate', authTime: Math.floor(Date.now() / 1000), resource: AUDIENCE, sessionUid: randomUUID(), expiresWithSession: false });
    await code.save();
  }

  // A person who does not recognise the request rejects it.
  async deny(userCode) {
    const code = await this.provider.DeviceCode.findByUserCode(userCode, { ignoreExpiration: false });
    await Object.assign(code, { error: 'access_denied' }).save();
  }

  async post(path, form) {
    const answer = await fetch(`${this.url}${path}`, { method: 'POST', body: new URLSearchParams(form) });
    const text = await answer.text();
    return text === '' ? {} : JSON.parse(text);
  }

  // The tokens of a complete login: {access_token, id_token, refresh_token}.
  async login(account) {
    const asked = await this.post('/device/auth', { client_id: CLIENT, scope: 'openid offline_access fairgate', resource: AUDIENCE });
    await this.approve(asked.user_code, account);
    return until('the tokens', async () => {
      const answer = await this.post('/token', { client_id: CLIENT, grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: asked.device_code });
      if (answer.error !== undefined) throw new Error(`${answer.error}: ${answer.error_description}`);
      return answer;
    });
  }

  async machine() {
    const answer = await this.post('/token', { client_id: MACHINE.id, client_secret: MACHINE.secret, grant_type: 'client_credentials', scope: 'fairgate', resource: AUDIENCE });
    return answer.access_token;
  }

  // Any claims and header, properly signed by the issuer's key for `alg`: tokens that the issuer itself would never issue.
  forge(claims, { alg = 'RS256', header = {} } = {}) {
    const jwk = this.keys.find((key) => key.alg === alg);
    const now = Math.floor(Date.now() / 1000);
    const head = { alg, typ: 'at+jwt', kid: jwk.kid, ...header };
    const body = { iss: this.url, aud: AUDIENCE, sub: 'forged', iat: now, exp: now + 300, ...claims };
    const text = `${base64url(head)}.${base64url(body)}`;
    return `${text}.${signature(head.alg, jwk, text)}`;
  }
}

// HS256 keyed with the text of the public key: the classic algorithm confusion attack.
function signature(alg, jwk, text) {
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  if (alg === 'none') return '';
  if (alg === 'HS256') return createHmac('sha256', createPublicKey(key).export({ type: 'spki', format: 'pem' })).update(text).digest('base64url');
  return sign(jwk.kty === 'OKP' ? null : 'sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}
