// live.js: keeps the picture of the hall true by what the stream tells. A delta says between which two
// versions it leads. Whatever comes out of a gap, because a connection broke, a picture was fetched
// meanwhile, or another process took over, is not laid on a picture that it was not made for: then the
// picture is read again, and what was told meanwhile is laid on that one, as far as it fits.

export class Live {
  // `plan` has the version that is shown. fetchPicture() -> [octets, version]; read(plan, octets, version)
  // and apply(plan, changes) bring it there. `later` calls what it is given once there is a point in
  // trying again; `onChange` hears that there is something to draw.
  constructor(plan, { fetchPicture, read, apply, onChange, later }) {
    Object.assign(this, { plan, fetchPicture, read, apply, onChange, later });
    this.early = null; // what was told while a picture is on its way
  }

  take(changes) {
    if (this.early !== null) this.early.push(changes);
    else if (changes.version <= this.plan.version) this.onChange(); // known; the areas are not
    else if (changes.since <= this.plan.version) {
      this.apply(this.plan, changes);
      this.onChange();
    } else this.renew(changes);
  }

  // The whole picture, and `known` with it; one at a time.
  async renew(...known) {
    if (this.early !== null) return;
    this.early = known;
    try {
      this.read(this.plan, ...await this.fetchPicture());
    } catch {
      this.early = null;
      this.plan.version = 0; // of no use any more: whatever is told next lies beyond a gap
      this.later(() => this.renew());
      return;
    }
    const early = this.early;
    this.early = null;
    this.onChange();
    for (const changes of early) this.take(changes);
  }
}
