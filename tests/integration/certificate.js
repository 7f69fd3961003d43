// Writes a self-signed certificate for localhost and 127.0.0.1, and its key: into two files, or into one, as HAProxy
// reads them.

import { execFileSync } from 'node:child_process';

export function selfSign(key, certificate = key) {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...subject, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
}
