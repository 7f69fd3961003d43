// infra/compose/shared-seats.yaml and tls.yaml over compose.yaml: values in several places agree, and the edge can be
// started with them. tests/packages/images.test.js runs compose.yaml and shared-seats.yaml.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import yaml from 'js-yaml';
import { openScope, programPath, ROOT } from '../lib-js/index.js';
import { edgeOf } from '../lib-js/manifests.js';
import { selfSign } from './certificate.js';

// As compose reads it: ${NAME}, or ${NAME:-otherwise}. Debian's podman-compose leaves a variable with an empty default.
const read = (name, env) => yaml.load(readFileSync(join(ROOT, 'infra/compose', name), 'utf8').replace(/\$\{(\w+)(?::-([^}]+))?\}/g, (_, key, otherwise = '') => env[key] ?? otherwise));
const isMap = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
function laid(over, under) {
  const both = { ...under };
  for (const [key, value] of Object.entries(over)) both[key] = isMap(value) && isMap(under[key]) ? laid(value, under[key]) : value;
  return both;
}
const composed = (env = {}) => laid(read('shared-seats.yaml', env), read('compose.yaml', env)).services;
const seatsOf = (services) => Object.keys(services).filter((name) => name.startsWith('seat-service'));

test('seat processes differ only in name and published port', () => {
  const services = composed();
  const plain = ({ ports, environment: { FAIRGATE_JOURNAL_INSTANCE, ...environment }, ...service }) => ({ ...service, environment });
  assert.deepEqual(seatsOf(services), ['seat-service', 'seat-service-1', 'seat-service-2']);
  for (const name of seatsOf(services)) assert.deepEqual(plain(services[name]), plain(services['seat-service']), name);
  assert.equal(new Set(seatsOf(services).flatMap((name) => services[name].ports)).size, 3);
});

test('edge, fronts and console list each seat process; their number is a setting', () => {
  for (const owners of [undefined, '3']) {
    const services = composed(owners && { FAIRGATE_SEAT_OWNERS: owners });
    const [edge, line] = [services.edge.environment, services['queue-front'].environment];
    const names = seatsOf(services);
    for (const [n, name] of names.entries()) {
      const { environment } = services[name];
      assert.equal(environment.FAIRGATE_JOURNAL_INSTANCE, `seat-service-${n}`, 'as its server at the edge is called');
      assert.equal(edge[`FAIRGATE_EDGE_SEAT_${n}`], name);
      assert.equal(String(environment.FAIRGATE_OWNER_OWNERS), owners ?? '2');
    }
    assert.equal(String(edge.FAIRGATE_EDGE_SEAT_OWNERS), owners ?? '2');
    assert.deepEqual(line.FAIRGATE_VISITS_SERVED_BY.split(','), names.map((name) => `http://${name}:8092/metrics`));
    const port = (name) => services[name].ports[0].split(':')[1];
    assert.deepEqual(line.FAIRGATE_CONSOLE_PARTS.split(',').filter((part) => !part.startsWith('pay=')), names.map((name, n) => `${n === 0 ? 'seats' : name}=http://localhost:${port(name)}`));
  }
});

test('the service and the edge take these settings', (t) => {
  const { dir, config, file } = edgeOf(openScope(t));
  const services = composed();
  const strings = (environment) => Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, String(value ?? '')]));
  const image = Object.fromEntries(readFileSync(join(ROOT, 'infra/images/env/seat-service'), 'utf8').split('\n').filter((line) => /^\w+=/.test(line)).map((line) => line.split(/=(.*)/s)));
  const checked = spawnSync(programPath('seat-service'), ['--config', '/dev/null', '--check-config'], { encoding: 'utf8', env: { PATH: process.env.PATH, ...image, ...strings(services['seat-service-1'].environment) } });
  assert.doesNotMatch(checked.stderr, /OWNER|JOURNAL|unknown|owner\./, checked.stderr);
  writeFileSync(file, config);
  const pem = join(dir, 'tls.pem');
  selfSign(pem);
  const tls = read('tls.yaml', { FAIRGATE_TLS_PEM: pem }).services.edge;
  assert.deepEqual(tls.volumes, [`${pem}:${tls.environment.FAIRGATE_EDGE_TLS_PEM}:ro`]);
  assert.deepEqual(tls.ports, ['443:8443']);
  assert.deepEqual(tls.secrets.map((name) => `/run/secrets/${name}`), [tls.environment.FAIRGATE_EDGE_TICKET_KEYS]);
  const keys = join(dir, 'keys');
  writeFileSync(keys, `${Buffer.alloc(80).toString('base64')}\n`.repeat(3));
  for (const more of [{}, { FAIRGATE_EDGE_TLS_PEM: pem }, { FAIRGATE_EDGE_TLS_PEM: pem, FAIRGATE_EDGE_TICKET_KEYS: keys }]) {
    const { status, stderr } = spawnSync('haproxy', ['-c', '-f', file], { encoding: 'utf8', env: { PATH: process.env.PATH, ...strings(services.edge.environment), ...more } });
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stderr, /WARNING/);
  }
});
