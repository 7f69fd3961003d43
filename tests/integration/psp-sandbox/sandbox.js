// A private sandbox for a test, the official client for it, and a receiver of its webhooks.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import Stripe from 'stripe';
import { freePort, serve, startService, until } from '../../lib-js/index.js';

export const KEY = 'sk_test_black_box';
export const SECRET = 'whsec_black_box';
const TOKEN = 'token-of-the-private-listener';

// Collects deliveries; `status` is the answer, a number or a function of the delivery.
export async function openReceiver(scope, { status = 200 } = {}) {
  const receiver = { port: await freePort(), got: [], status };
  await serve(scope, async (request, answer) => {
    const body = await text(request);
    const delivery = {
      headers: request.headers,
      body,
      json: JSON.parse(body),
      at: performance.now(),
    };
    receiver.got.push(delivery);
    const { status: wanted } = receiver;
    answer.statusCode = typeof wanted === 'function' ? wanted(delivery) : wanted;
    answer.end();
  }, { port: receiver.port });
  receiver.url = `http://127.0.0.1:${receiver.port}/hook`;
  receiver.of = (type) => receiver.got.filter((delivery) => delivery.json.type === type);
  receiver.until = (what, predicate) => until(what, () => predicate(receiver.got));
  return receiver;
}

function secretFile(scope, name, secret) {
  const path = join(scope.tempDir('secret-'), name);
  writeFileSync(path, `${secret}\n`, { mode: 0o600 });
  return path;
}

// Returns the service of lib-js, with .stripe(options), .intentOf(order), .fault(spec), .ledger(by), .control, the files with
// its keys, and the payment adapter's settings for it.
export async function startSandbox(scope, { webhook, toss, returnUrls = 'http://shop.test/', env = {} } = {}) {
  const journal = join(scope.tempDir('psp-'), 'journal');
  const keyFile = secretFile(scope, 'key', KEY);
  const tokenFile = secretFile(scope, 'token', TOKEN);
  const hookFile = secretFile(scope, 'hook', SECRET);
  const sandbox = await startService(scope, {
    program: 'psp-sandbox',
    adminToken: TOKEN,
    env,
    config: ({ port, privatePort }) => ({
      http: { host: '127.0.0.1', port, drain_timeout: '300ms' },
      private: { host: '127.0.0.1', port: privatePort, token_file: tokenFile },
      keys: { secret_key: keyFile, webhook_secret: hookFile },
      pages: { public_url: `http://127.0.0.1:${port}`, return_urls: returnUrls },
      bank: { journal },
      webhook: { retry: '20ms', attempts_max: 5, ...(webhook ? { url: webhook } : {}) },
      toss: { retry: '20ms', ...(toss ? { webhook_url: toss } : {}) },
    }),
  });
  const form = (fields) => ({
    body: new URLSearchParams(fields).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  return Object.assign(sandbox, {
    journal,
    keyFile,
    hookFile,
    settings: { stripe_url: `http://127.0.0.1:${sandbox.port}`, stripe_key: keyFile, stripe_webhook_secret: hookFile },
    form,
    // Made again after each restart, because the client keeps connections.
    stripe: ({ key = KEY, ...options } = {}) =>
      new Stripe(key, {
        host: '127.0.0.1',
        port: sandbox.port,
        protocol: 'http',
        maxNetworkRetries: 0,
        telemetry: false,
        ...options,
      }),
    intentOf: async (order) => {
      const { data } = await sandbox.stripe().paymentIntents.list({ limit: 100, expand: ['data.latest_charge'] });
      return data.find(({ metadata }) => metadata.order === order);
    },
    control: (path, fields) => sandbox.admin.post(`/control/${path}`, form(fields)),
    fault: async (spec) => {
      const answer = await sandbox.control('faults', { fault: spec });
      if (answer.status !== 201) throw new Error(`${spec}: ${answer.text}`);
    },
    ledger: async (by) =>
      (await sandbox.admin.get(`/control/ledger${by ? `?by=${by}` : ''}`)).json,
  });
}

// The error of a promise that must be rejected.
export async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it went well');
}

export const HELD = {
  amount: 132_000,
  currency: 'krw',
  capture_method: 'manual',
  payment_method: 'pm_card_visa',
  confirm: true,
};
