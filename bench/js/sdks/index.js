/** The SDKs by name, each imported in the process that measures it. */

/** @type {Record<string, () => Promise<import("./way.js").Sdk>>} */
export const SDKS = {
  pennon: async () => (await import("./pennon.js")).pennon,
  launchdarkly: async () => (await import("./launchdarkly.js")).launchdarkly,
  growthbook: async () => (await import("./growthbook.js")).growthbook,
  unleash: async () => (await import("./unleash.js")).unleash,
  statsig: async () => (await import("./statsig.js")).statsig,
  configcat: async () => (await import("./configcat.js")).configcat,
  flagd: async () => (await import("./flagd.js")).flagd,
};
