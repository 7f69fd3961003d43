// nginx in a usual setup: one worker on one core, keep-alive, no log.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, until } from '../../../tests/lib-js/index.js';

// `location`: the contents of `location / { ... }`.
export async function startNginx(scope, core, location) {
  const port = await freePort();
  const dir = scope.tempDir('nginx-');
  mkdirSync(join(dir, 'logs'));
  writeFileSync(
    join(dir, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${dir}/nginx.pid; error_log ${dir}/error.log;
     ${process.getuid() === 0 ? 'user root;' : ''}
     events { worker_connections 4096; multi_accept on; }
     http {
       access_log off; keepalive_requests 1000000000; default_type application/octet-stream;
       sendfile on; tcp_nopush on; open_file_cache max=10;
       client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f;
       uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
       server { listen 127.0.0.1:${port} reuseport; location / { ${location} } }
     }`,
  );
  const argv = ['taskset', '-c', String(core), 'nginx', '-p', dir, '-c', join(dir, 'nginx.conf')];
  const child = scope.spawn(`nginx-${port}`, argv);
  await until(`nginx on ${port} to answer`, async () =>
    (await fetch(`http://127.0.0.1:${port}/`)).ok);
  return { port, pid: child.pid };
}
