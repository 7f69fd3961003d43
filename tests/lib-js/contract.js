// Checks real answers against openapi.yaml: the path, the method, the status, the content type, the required headers and the
// body's schema must all be in it. It records what was seen, so that a test can also list promises that nothing exercised.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ROOT } from './service.js';

// Loads packages only when a contract is opened: they take longer than the rest of index.js, and most test files open none.
const require = createRequire(import.meta.url);

// Errors of the HTTP server and the private listener, which all services share.
export const OF_ALL_SERVICES = ['bad-request', 'request-timeout', 'body-too-large', 'target-too-long', 'expectation-failed',
  'head-too-large', 'not-implemented', 'http-version', 'overloaded', 'not-found', 'method-not-allowed', 'admin-token-required',
  'invalid-json', 'invalid-body', 'too-many-scrapes', 'metrics-failed', 'operator-token-refused', 'operator-token-expired',
  'operator-role-needed', 'operator-event-refused', 'operator-keys-awaited'];

// The codes in one of the program's lists, a C macro of rows: ROW(NAME, "code", ...).
export function codesOf(path) {
  return [...readFileSync(join(ROOT, path), 'utf8').matchAll(/\bROW\((?:WITH, )?[A-Z_]+, "([a-z0-9-]+)"/g)].map(([, code]) => code);
}

// openContract('queue-front/openapi.yaml')
export function openContract(path) {
  const { CORE_SCHEMA, load } = require('js-yaml');
  return new Contract(load(readFileSync(join(ROOT, path), 'utf8'), { schema: CORE_SCHEMA }));
}

export class Contract {
  constructor(document) {
    this.document = document;
    this.seen = new Set(); // 'GET /v1/queue/{event}/me 200'
    this.ajv = new (require('ajv/dist/2020.js').default)({ strict: false, allErrors: true });
    require('ajv-formats').default(this.ajv);
    this.ajv.addSchema(document, 'contract');
    this.paths = Object.keys(document.paths).map((template) => ({
      template,
      // Literal paths match before paths with parameters.
      parameters: (template.match(/\{/g) ?? []).length,
      pattern: new RegExp(
        `^${template.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{[^}]+\}/g, '[^/]+')}$`,
      ),
    }));
    this.paths.sort((a, b) => a.parameters - b.parameters);
  }

  // contract.check('GET', '/v1/queue/demo/me', answer) returns the answer, or throws an assertion error.
  check(method, path, answer) {
    const bare = path.split('?')[0];
    const entry = this.paths.find(({ pattern }) => pattern.test(bare));
    assert.ok(entry, `${bare} is not in the contract`);
    const base = ['paths', entry.template, method.toLowerCase()];
    const operation = this.#get(base);
    assert.ok(operation, `${method} ${entry.template} is not in the contract`);

    const status = String(answer.status);
    const key = [status, `${status[0]}XX`, 'default'].find((k) => operation.responses[k]);
    const where = `${method} ${entry.template} ${status}`;
    assert.ok(key, `${where} is not in the contract: ${answer.text}`);
    this.seen.add(where);
    this.#checkResponse(where, this.#follow([...base, 'responses', key]), answer);
    return answer;
  }

  // 'METHOD /template STATUS' of every promise that was not seen yet.
  unseen() {
    const all = [];
    for (const [template, item] of Object.entries(this.document.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        for (const status of Object.keys(operation.responses ?? {})) {
          all.push(`${method.toUpperCase()} ${template} ${status}`);
        }
      }
    }
    return all.filter((promise) => !this.seen.has(promise));
  }

  #get(pointer) {
    return pointer.reduce((value, key) => value?.[key], this.document);
  }

  // The target of a pointer, following a $ref at its end.
  #follow(pointer) {
    const ref = this.#get(pointer)?.$ref;
    if (ref === undefined) return pointer;
    assert.ok(ref.startsWith('#/'), `a reference within the document: ${ref}`);
    const next = ref.slice(2).split('/');
    return this.#follow(next.map((k) => k.replaceAll('~1', '/').replaceAll('~0', '~')));
  }

  #checkResponse(where, pointer, answer) {
    const response = this.#get(pointer);
    for (const [name, spec] of Object.entries(response.headers ?? {})) {
      const header = this.#get(this.#follow([...pointer, 'headers', name])) ?? spec;
      const there = answer.headers[name.toLowerCase()] !== undefined;
      assert.ok(there || !header.required, `${where}: header ${name} is missing`);
    }
    if (response.content === undefined) {
      assert.equal(answer.text, '', `${where}: no body is promised`);
      return;
    }
    const type = (answer.headers['content-type'] ?? '').split(';')[0].trim();
    assert.ok(response.content[type], `${where}: content type "${type}" is not promised`);
    if (answer.json === undefined || response.content[type].schema === undefined) return;

    const schema = [...pointer, 'content', type, 'schema'];
    const ref = schema.map((k) => encodeURIComponent(k.replaceAll('~', '~0').replaceAll('/', '~1')));
    const validate = this.ajv.getSchema(`contract#/${ref.join('/')}`);
    assert.ok(validate(answer.json), `${where}: ${this.ajv.errorsText(validate.errors)}: ${answer.text}`);
  }
}
