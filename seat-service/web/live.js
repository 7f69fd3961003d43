// live.js: keeps the picture of the hall up to date from the stream. A delta names the two versions
// between which it leads. If there is a gap before it, because a connection broke, a picture was
// fetched meanwhile, or another process took over, it is not applied to a picture that it was not
// made for. Instead the picture is read again, and deltas that came meanwhile are applied to that
// one, as far as they fit. Versions are the journal's, so what several processes tell compares; one of
// them may be a moment behind another, and what is shown never goes back for that.

export class Live {
  // `plan` has the version that is shown. fetchPicture() -> [octets, {version, line}]; read(plan, octets, mark)
  // and apply(plan, changes) bring it there. `later` calls its argument once there is a point in
  // trying again; `onChange` is called when there is something to draw.
  constructor(plan, { fetchPicture, read, apply, onChange, later }) {
    Object.assign(this, { plan, fetchPicture, read, apply, onChange, later });
    this.early = null; // deltas that came while a picture is on its way
  }

  take(changes) {
    if (this.early !== null) this.early.push(changes);
    else if (changes.version <= this.plan.version) this.onChange(); // known; the areas are not
    else if (changes.since <= this.plan.version) {
      this.apply(this.plan, changes);
      this.onChange();
    } else this.renew(changes.since, changes);
  }

  // The whole picture, of version `least` or a later one, and `known` with it; one at a time.
  async renew(least, ...known) {
    if (this.early !== null) return;
    this.early = known;
    try {
      const [octets, mark] = await this.fetchPicture();
      if (mark.version < least) throw new RangeError('a picture of somebody who is behind');
      this.read(this.plan, octets, mark);
    } catch {
      this.early = null;
      this.plan.version = 0; // no longer of use: any delta now lies beyond a gap
      this.later(() => this.renew(least));
      return;
    }
    const early = this.early;
    this.early = null;
    this.onChange();
    for (const changes of early) this.take(changes);
  }
}
