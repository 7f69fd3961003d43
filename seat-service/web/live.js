// live.js: keeps the picture of the hall up to date from the stream. A delta leads from one version (`since`) to
// another. After a gap, a delta is not applied: the connection broke, a picture was fetched meanwhile, or another
// process took over. Instead the picture is read again, and then the deltas that arrived meanwhile are applied if they
// fit.
// Versions are the journal's, so those of several processes compare within one branch (`line`) of it. One process may
// be slightly behind another; the picture never goes back for that. A delta of another branch fits only if it continues
// the shown version, its branch is new, and no other branch was seen in between. Then it comes from the owner's
// successor. Otherwise a failover may have lost what is shown, and the picture is read again.

// Versions of two branches cannot be compared. An old service may send no branch.
export const isOther = (line, named) => Boolean(line && named && line !== named);

const NONE = -1; // lower than every version

export class Live {
  // `plan` has the shown version. fetchPicture() resolves to [octets, {version, line}]. read(plan, octets, mark) and
  // apply(plan, changes) update `plan`. later(retry) calls `retry` when it is time for it. onChange() is called when
  // there is something to draw.
  constructor(plan, { fetchPicture, read, apply, onChange, later }) {
    Object.assign(this, { plan, fetchPicture, read, apply, onChange, later });
    this.early = null; // deltas received while a picture is being fetched
    this.newest = undefined; // the branch seen last
    this.lines = new Set(); // all branches seen: none of them succeeds another
  }

  take(changes) {
    if (!this.fits(changes)) this.renew(changes.since, changes.line, changes);
    else if (this.early !== null) this.early.push(changes);
    else if (changes.version <= this.plan.version) this.onChange(); // nothing new, except perhaps areas
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

  // Fetches the whole picture, of version `least` of this branch or later, then applies `known`. Only one fetch runs at
  // a time; its picture is checked against the newest `least`.
  async renew(least, line, ...known) {
    const isAsked = this.early !== null;
    this.hear(line);
    this.least = { version: least, line };
    this.early = known;
    if (!isAsked) await this.ask();
  }

  // A picture may be behind for a moment. A branch that the next picture has again is the current one, and the early
  // deltas of the other branch do not fit it.
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
      this.plan.version = NONE; // outdated: every delta now has a gap before it
      this.later(() => this.askAgain());
      return;
    }
    const early = this.early;
    this.early = null;
    this.onChange();
    for (const changes of early) this.take(changes);
  }

  // Does nothing if a picture has arrived meanwhile or is being fetched.
  async askAgain() {
    if (this.early !== null || this.plan.version > NONE) return;
    this.early = [];
    await this.ask();
  }
}
