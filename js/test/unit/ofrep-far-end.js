/**
 * The far end of the browser client's wire, for tests that hold it: what a server would answer over OFREP.
 * @module
 */

/** Return an answer. @param {any} body @param {number} [status] */
export const json = (body, status = 200) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });

/** A server that evaluates as the test says, and answers at once unless it is held. */
export class Far {
  asked = [];
  /** The batches of events that it took. */
  events = [];
  revision = 1;
  /** @type {((context: any) => any) | null} */
  fails = null;
  held = null;

  flags = ({ targetingKey, country }) => ({
    plain: { value: true, variant: "on", reason: "DEFAULT" },
    ruled: { value: country !== "DE", variant: country === "DE" ? "off" : "on", reason: "TARGETING_MATCH", metadata: { flagVersion: 3, ruleId: "r1" } },
    greeting: { value: `hello ${targetingKey.length > 20 ? "stranger" : targetingKey}`, variant: "one", reason: "SPLIT" },
    title: { value: "Welcome", variant: "one", reason: "DEFAULT" },
    limit: { value: 7.5, variant: "one", reason: "DEFAULT" },
    layout: { value: { columns: [1, null], nested: { dense: true } }, variant: "one", reason: "DEFAULT" },
    off: { value: false, variant: "off", reason: "DISABLED" },
    silent: { reason: "DISABLED", variant: null },
    failing: { errorCode: "TARGETING_KEY_MISSING", errorDetails: "a split needs a unit" },
    stale: { value: false, variant: "off", reason: "STALE" },
  });

  fetch = async (url, { body, signal }) => {
    if (url.includes("/sdk/v1/events")) {
      this.events.push(await new Response(body).json());
      return json({ accepted: 1 }, 202);
    }
    const { context } = JSON.parse(body);
    this.asked.push(context);
    await this.held;
    signal?.throwIfAborted();
    if (this.fails !== null) return this.fails(context);
    const flags = Object.entries(this.flags(context)).map(([key, said]) => ({ key, ...said, metadata: { flagVersion: 1, ...said.metadata } }));
    return json({ flags, metadata: { revision: `1.${this.revision}`, flagsVersion: `v${this.revision}_00000000`, ttl: 300 } });
  };

  /** Let questions wait until the returned function is called. */
  hold() {
    let release = () => {};
    this.held = new Promise((resolve) => (release = resolve));
    return () => {
      this.held = null;
      release();
    };
  }
}

/** A page's storage. */
export class Store {
  items = new Map();
  getItem = (key) => this.items.get(key) ?? null;
  setItem = (key, value) => void this.items.set(key, value);
  removeItem = (key) => void this.items.delete(key);
}

/** Return what a page would carry at revision 1.1, fresh. @param {Record<string, object>} flags */
export const bootstrapOf = (flags) => ({ revision: "1.1", flagsVersion: "v1_00000000", ttl: 300, flags, age: 0, at: Date.now() });
