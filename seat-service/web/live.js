// live.js: keeps the picture of the hall up to date from the stream. A delta names the two versions
// between which it leads. If there is a gap before it, because a connection broke, a picture was
// fetched meanwhile, or another process took over, it is not applied to a picture that it was not
// made for. Instead the picture is read again, and deltas that came meanwhile are applied to that
// one, as far as they fit. Versions are the journal's, so those of several processes compare within one
// branch (line) of it; one process may be a moment behind another, and the picture never goes back for that. A delta of
// another line fits only if it continues the version that is shown, that line is new, and no other was seen
// in between: that is an owner's successor. Otherwise a failover may have lost what is shown, and the picture is read again.

// Versions of two lines say nothing of each other. An old program may name none.
export const isOther = (line, told) => Boolean(line && told && line !== told);

const NONE = -1; // before every version

export class Live {
  // `plan` has the version that is shown. fetchPicture() -> [octets, {version, line}]; read(plan, octets, mark)
  // and apply(plan, changes) bring it there. `later` calls its argument once there is a point in
  // trying again; `onChange` is called when there is something to draw.
  constructor(plan, { fetchPicture, read, apply, onChange, later }) {
    Object.assign(this, { plan, fetchPicture, read, apply, onChange, later });
    this.early = null; // deltas that came while a picture is on its way
    this.newest = undefined; // the line that was seen last
    this.lines = new Set(); // all that were seen: none of them succeeds another
  }

  take(changes) {
    if (!this.fits(changes)) this.renew(changes.since, changes.line, changes);
    else if (this.early !== null) this.early.push(changes);
    else if (changes.version <= this.plan.version) this.onChange(); // known; the areas are not
    else if (changes.since <= this.plan.version) {
      this.hear(changes.line);
      this.apply(this.plan, changes);
      this.onChange();
    } else this.renew(changes.since, changes.line, changes);
  }

  fits({ line, since }) {
    if (this.early !== null) return !isOther(line, this.least.line);
    if (!isOther(line, this.plan.line)) return true;
    return since === this.plan.version && !isOther(this.newest, this.plan.line) && !this.lines.has(line);
  }

  hear(line) {
    if (!line) return;
    this.newest = line;
    this.lines.add(line);
  }

  // The whole picture, of version `least` of this line or a later one, and `known` with it. One at a time: one that is on its
  // way is judged by the newest line.
  async renew(least, line, ...known) {
    const isAsked = this.early !== null;
    this.hear(line);
    this.least = { version: least, line };
    this.early = known;
    if (!isAsked) await this.ask();
  }

  // A process is behind for a moment only: another line that a later picture has again is the present
  // one, and deltas of another do not fit it.
  judge({ version, line }) {
    const other = isOther(line, this.least.line);
    const behind = other ? line !== this.refused : version < this.least.version;
    this.refused = other && behind ? line : undefined;
    if (behind) throw new RangeError('a picture of somebody who is behind');
    if (other) this.early = [];
  }

  async ask() {
    try {
      const [octets, mark] = await this.fetchPicture();
      this.judge(mark);
      this.read(this.plan, octets, mark);
    } catch {
      this.early = null;
      this.plan.version = NONE; // no longer of use: any delta now lies beyond a gap
      this.later(() => this.askAgain());
      return;
    }
    const early = this.early;
    this.early = null;
    this.onChange();
    for (const changes of early) this.take(changes);
  }

  // Unless a picture came meanwhile, or is on its way.
  async askAgain() {
    if (this.early !== null || this.plan.version > NONE) return;
    this.early = [];
    await this.ask();
  }
}
