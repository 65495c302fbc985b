/**
 * What the provider for servers asks: the client of a process, which knows by itself what is new, or that of an isolate, which looks with
 * each request.
 * @module
 */

/** @typedef {import("./following.js").Status} Status */
/** @typedef {import("./resolution.js").Context} Context */
/** @typedef {import("./resolution.js").Evaluation} Evaluation */
/** @typedef {import("./resolution.js").Standing} Standing */
/**
 * @typedef {object} ServerClient what is asked of a client of `pennon/server`
 * @property {number | null} ageS
 * @property {(bounds: { timeoutMs: number }) => Promise<boolean>} ready
 * @property {(flag: string, context: Context, fallback: any) => Evaluation} evaluation
 * @property {() => { epoch: number, revision: number }} rules
 * @property {() => Status} status
 * @property {(event: any, listener: (said: any) => void) => () => void} on
 * @property {(key: string, context: Context, measured: { value: number }) => unknown} track
 * @property {() => Promise<void>} close
 */
/**
 * @typedef {object} WorkerRules
 * @property {boolean} ready
 * @property {string} revision
 * @property {number} ageS
 * @property {(flag: string, context: Context, fallback: any) => Evaluation} evaluation
 * @property {(key: string, context: Context, measured: { value: number }) => unknown} track
 */
/** @typedef {{ load: () => Promise<WorkerRules>, status: () => any, flush: () => Promise<void> }} WorkerClient what is asked of one of `pennon/worker` */
/** @typedef {{ evaluation: Evaluation, standing: Standing }} Answer */
/**
 * @typedef {object} Source
 * @property {(timeoutMs: number) => Promise<boolean>} ready
 * @property {(flag: string, context: Context, fallback: any) => Answer | Promise<Answer>} ask
 * @property {() => Status} status
 * @property {(event: string, listener: (said: any) => void) => () => void} on
 * @property {(key: string, context: Context, value: number) => unknown} track
 * @property {() => Promise<void>} close
 */

/**
 * Return how *client* is asked.
 * @param {ServerClient | WorkerClient} client
 * @returns {Source}
 */
export function sourceOf(client) {
  return "load" in client ? ofIsolate(client) : ofProcess(client);
}

/** @param {ServerClient} client @returns {Source} */
function ofProcess(client) {
  return {
    ready: (timeoutMs) => client.ready({ timeoutMs }),
    ask(flag, context, fallback) {
      const { epoch, revision } = client.rules();
      const evaluation = client.evaluation(flag, context, fallback);
      return { evaluation, standing: { revision: `${epoch}.${revision}`, ageS: client.ageS } };
    },
    status: () => client.status(),
    on: (event, listener) => client.on(event, listener),
    track: (key, context, value) => client.track(key, context, { value }),
    close: () => client.close(),
  };
}

/** Nothing happens in an isolate between requests, so it tells of nothing. @param {WorkerClient} client @returns {Source} */
function ofIsolate(client) {
  return {
    ready: async () => (await client.load()).ready,
    async ask(flag, context, fallback) {
      const rules = await client.load();
      const { ready, revision, ageS } = rules;
      const standing = ready ? { revision, ageS } : { revision: null, ageS: null };
      return { evaluation: rules.evaluation(flag, context, fallback), standing };
    },
    status: () => client.status(),
    on: () => () => {},
    track: async (key, context, value) => (await client.load()).track(key, context, { value }),
    close: () => client.flush(),
  };
}
