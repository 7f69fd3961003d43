// ha.js: `make ha`. Starts the whole set, prints where it is and how to break it, and stays until Ctrl-C.

import { Site } from './site.js';

const say = (text = '') => process.stdout.write(`${text}\n`);

const site = new Site();
let ending = false;
function end(status) {
  if (ending) return;
  ending = true;
  site.close();
  process.exit(status);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(0));

async function tell() {
  const { host, port } = site.visitors;
  const roles = await site.roles();
  say(`
Fairgate is up on ${site.lan.machines.size} machines; each is a network namespace of this one.
  the waiting room    http://${host}:${port}/e/${site.event}
  who does what       address ${roles.address}, seats ${roles.seats}, Redis ${roles.redis}, PostgreSQL ${roles.postgres}
  configs and logs    ${site.dir}/MACHINE/
  a shell on one      nsenter --net=/run/netns/fgha-${roles.seats} sh
  its processes       ip netns pids fgha-${roles.seats}

Break it, from another terminal:
  kill -9 PID                                               a process; it is started again
  kill -STOP PID, kill -CONT PID                            one that hangs, and goes on
  ip -n fgha link set p-${roles.seats} nomaster                   a cable is pulled ...
  ip -n fgha link set p-${roles.seats} master lan                 ... and put back
  ip netns pids fgha-${roles.seats} | xargs kill -9               all processes of a machine at once
and watch: while sleep 0.2; do curl -m 2 -so /dev/null -w '%{http_code} %{time_total}\\n' http://${host}:${port}/v1/queue/${site.event}/status; done

make ha-drill does each in turn and judges what visitors saw. Ctrl-C ends everything.`);
}

try {
  say(`starting ${site.dir} ...`);
  await site.open();
  await tell();
  setInterval(() => {}, 60_000);
} catch (error) {
  process.stderr.write(`ha: ${error.stack}\n`);
  end(1);
}
