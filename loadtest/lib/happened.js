// Checks that a scenario's actions were done and had an effect: a run in which nothing was killed, or a notice that nobody
// read, proves nothing. Returns findings, each beginning with its name.

const TOLD = 'said to told';

export function missed({ settings, run, kills, operator }) {
  const { stage, people } = settings;
  const listens = people.listener + people.slow > 0;
  const judged = [
    ['nothing-killed', stage.kill_every > 0 && kills.length === 0, 'no part was killed'],
    ['not-drawn', stage.begins === 'draw' && !operator.drawn, 'the line was never drawn'],
    ['no-notice', stage.notice_every > 0 && operator.notices === 0, 'the operator said nothing'],
    ['nobody-told', stage.notice_every > 0 && people.listener > 0 && !(run.took_us[TOLD]?.count > 0), 'no listener heard what the operator said'],
    ['no-stream', listens && run.events === 0, 'nothing was read from any stream'],
    // Nothing disturbs the streams of a paused line: none may break off.
    ['streams-lost', stage.begins === 'paused' && kills.length === 0 && run.streams_lost > 0, `${run.streams_lost} streams broke off`],
    ['visits-unended', kills.length === 0 && run.visits_unended > 0, `${run.visits_unended} visits were left to run out, though no part was gone`],
  ];
  return judged.filter(([, is]) => is).map(([name, , why]) => `${name}: ${why}`);
}
