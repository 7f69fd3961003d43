// alert.js: alerts visitors to their turn. A browser lets a page make sound only after a touch or a key press, so the
// sound is prepared when the visitor asks for it.

let audio = null;
const PULSES = [300, 200, 300, 200, 600];

// Plays two rising tones, each time: unlike a message's or an alarm's.
function chime(times) {
  const begin = audio.currentTime + 0.05;
  for (let i = 0; i < 2 * times; i += 1) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const at = begin + 0.35 * i + 0.5 * Math.floor(i / 2);
    tone.frequency.value = i % 2 === 0 ? 660 : 990;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.25, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.6);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.65);
  }
}

// Returns the key of the message to show. `byHand`: after a touch or key press, so permission may be requested.
export async function arm(byHand) {
  audio ??= new AudioContext();
  if (byHand) {
    await audio.resume();
    chime(1);
    if (window.Notification?.permission === 'default') await Notification.requestPermission();
    // Most phones show only notifications that come from service workers.
    await navigator.serviceWorker?.register('/assets/sw.js', { scope: '/e/' }).catch(() => {});
  } else if (audio.state !== 'running') {
    const wakeUp = () => audio.resume();
    for (const touch of ['pointerdown', 'keydown']) addEventListener(touch, wakeUp, { once: true });
    return 'more.alert.tap';
  }
  return window.Notification?.permission === 'granted' ? 'more.alert.on' : 'more.alert.blocked';
}

async function show(title, body, action) {
  const options = { body, tag: location.pathname, icon: '/assets/icon.svg', requireInteraction: true }; // one tag, so several tabs show one notification
  try {
    const worker = await navigator.serviceWorker.getRegistration(location.pathname);
    await worker.showNotification(title, { ...options, data: location.pathname, vibrate: PULSES, actions: [{ action: 'enter', title: action }] });
  } catch {
    const note = new Notification(title, options);
    note.onclick = () => { window.focus(); note.close(); };
  }
}

export function ring(title, body, action) {
  audio ??= new AudioContext();
  if (audio.state === 'running') chime(3);
  navigator.vibrate?.(PULSES);
  if (window.Notification?.permission === 'granted') show(title, body, action).catch(() => {}); // the page shows it too
}
