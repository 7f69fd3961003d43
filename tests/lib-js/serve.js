// A test's own HTTP server on this machine, and nginx; both end with the scope.

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

// Returns {port, url, server}. Port 0: any free one.
export async function serve(scope, onRequest, { port = 0 } = {}) {
  const server = createServer(onRequest);
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  scope.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port: own } = server.address();
  return { port: own, url: `http://127.0.0.1:${own}`, server };
}

// nginx with these statements in its `http`.
export function startNginx(scope, statements) {
  const dir = scope.tempDir();
  writeFileSync(join(dir, 'nginx.conf'), `daemon off; pid ${dir}/nginx.pid; error_log stderr; events {}
    http {
      access_log off;
      client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy;
      fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
      ${statements}
    }`);
  // nginx started by root runs its workers as another user, who cannot enter the test's folder.
  const user = process.getuid() === 0 ? ['-g', 'user root;'] : [];
  scope.spawn('nginx', ['nginx', '-p', dir, '-c', join(dir, 'nginx.conf'), ...user]);
}
