// crowd.js: runs the visitors in a separate process, so that the drill's work cannot delay them. Its messages: {come},
// {waiting}, {longest: [from, to]}, {go}, {displaced}.

import { Visitors } from './visitors.js';

let visitors = null;
process.on('message', async (message) => {
  if (message.come) {
    visitors = new Visitors({ ...message.come, users: () => message.come.users });
    visitors.come();
  }
  if (message.waiting) process.send({ ms: visitors.waiting() });
  if (message.longest) process.send({ longest: visitors.longest(...message.longest), findings: visitors.report() });
  if (message.go) {
    await visitors.go();
    process.send({ gone: true, findings: visitors.findings, bought: visitors.bought, gaps: visitors.gaps.length });
  }
  if (message.displaced) process.send({ displaced: await visitors.displaced() });
});
process.on('disconnect', () => process.exit(0));
