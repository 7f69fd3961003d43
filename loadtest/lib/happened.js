// What a scenario does to its stack must have been done, and seen: a night in which nothing was killed,
// or a notice that nobody read, proves nothing. -> findings, each beginning with its name.

const TOLD = 'said to told';

export function missed({ settings, run, kills, operator }) {
  const { stage, people } = settings;
  const listens = people.listener + people.slow > 0;
  const judged = {
    'nothing-killed': stage.kill_every > 0 && kills.length === 0,
    'not-drawn': stage.begins === 'draw' && !operator.drawn,
    'no-notice': stage.notice_every > 0 && operator.notices === 0,
    'nobody-told': stage.notice_every > 0 && people.listener > 0 && !(run.took_us[TOLD]?.count > 0),
    'no-stream': listens && run.events === 0,
    // Streams that stand are left alone: none of them is to break off.
    'streams-lost': stage.begins === 'paused' && kills.length === 0 && run.streams_lost > 0,
    'visits-unended': kills.length === 0 && run.visits_unended > 0,
  };
  const why = {
    'nothing-killed': 'no part was killed',
    'not-drawn': 'the line was never drawn',
    'no-notice': 'the operator said nothing',
    'nobody-told': 'no listener heard what the operator said',
    'no-stream': 'nothing was read from any stream',
    'streams-lost': `${run.streams_lost} streams broke off`,
    'visits-unended': `${run.visits_unended} visits were left to run out, though no part was gone`,
  };
  return Object.keys(judged).filter((name) => judged[name]).map((name) => `${name}: ${why[name]}`);
}
