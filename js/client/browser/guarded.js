/**
 * `flags.fetch`: requests to critical endpoints say which flags the page was shown, and one that is refused because they are outdated
 * heals the page. spec/outdated.md has the headers, docs/how-to/critical-requests.md the use.
 * @module
 */

/** So many characters of X-Flags-Seen are sent: servers refuse long headers, and judge by the version what is left out. */
const MOST = 4096;

/**
 * What is needed of the browser's client. `refresh` never rejects.
 * @typedef {object} Page
 * @property {string | null | undefined} flagsVersion
 * @property {() => Record<string, string | null | undefined>} seen
 * @property {(why: { reason: string }) => Promise<unknown>} refresh
 */

/**
 * The event: a request was refused, and the flags were fetched anew since.
 * @typedef {object} Outdated
 * @property {string[]} flags the keys of those that were outdated
 * @property {string | null} flagsVersion that of the server which refused
 * @property {Response} response its answer, a 409
 * @property {RequestInfo | URL} request what was fetched
 * @property {(() => Promise<Response>) | null} retry sends the request again, once, however often it is called; null where its body is
 *   a stream, which cannot be sent twice
 */

/**
 * @typedef {object} GuardOptions
 * @property {(string | RegExp)[]} [critical] the requests that are guarded: those whose path begins so (`/api/checkout`), or whose whole
 *   URL begins so or matches
 * @property {string[]} [origins] who may be told beside the page's own origin: `https://pay.example`. Nobody else ever is
 * @property {"ask" | "retry" | ((event: Outdated) => unknown)} [onOutdated] what becomes of a refused request. `ask`, so unless told: the
 *   409 is returned, and who hears `outdated` may retry. `retry`: it is sent again, once. A function: the Response that it returns is
 *   returned, for `true` the request is sent again, for all else the 409 is returned
 * @property {typeof globalThis.fetch} fetch the platform's
 * @property {(event: Outdated) => void} tell fires `outdated`
 */

/**
 * Return `flags.fetch(input, init)`: as `fetch`, and guarded where the URL is critical or `init.flags` names flags.
 * @param {Page} page
 * @param {GuardOptions} options
 * @returns {(input: RequestInfo | URL, init?: RequestInit & { flags?: string[] }) => Promise<Response>}
 */
export function guardedFetch(page, { fetch, tell, onOutdated, critical = [], origins = [] }) {
  return async (input, init = {}) => {
    // It knows the base of the page. Where it throws, fetch would.
    const request = input instanceof Request ? input : new Request(input);
    const { href, origin, pathname } = new URL(request.url);
    const isCritical = (/** @type {string | RegExp} */ each) =>
      each instanceof RegExp ? href.search(each) >= 0 : (each[0] === "/" ? pathname : href).startsWith(each);
    if (![globalThis.origin, ...origins].includes(origin) || !(init.flags || critical.some(isCritical))) return fetch(input, init);

    const isStream = init.body instanceof ReadableStream;
    const send = (/** @type {string[]} */ refused) => {
      const headers = new Headers(init.headers ?? request.headers);
      const seen = writeSeen(Object.entries(page.seen()).filter(([key]) => (init.flags ?? [key]).includes(key) && !refused.includes(key)));
      if (page.flagsVersion) headers.set("X-Flags-Version", page.flagsVersion);
      if (seen) headers.set("X-Flags-Seen", seen);
      return fetch(input === request && !isStream ? request.clone() : input, { ...init, headers });
    };
    const response = await send([]);
    const said = response.status === 409 && (await response.clone().json().catch(() => 0));
    if (said?.error !== "flags_outdated") return response;

    await page.refresh({ reason: "outdated" });
    /** @type {Promise<Response> | undefined} */
    let again;
    const flags = [said.flags ?? []].flat();
    // What was seen of the refused flags is left out: the page knows better by now, as its version says.
    const retry = isStream ? null : () => (again ??= send(flags));
    const event = { flags, flagsVersion: said.flagsVersion, response, request: input, retry };
    tell(event);
    const wanted = onOutdated === "retry" || (typeof onOutdated === "function" && (await onOutdated(event)));
    return wanted instanceof Response ? wanted : wanted === true && retry ? retry() : response;
  };
}

/**
 * Return variations by flag as X-Flags-Seen has them: `new-gateway=on,theme=dark`, percent-encoded.
 * @param {Iterable<[string, string | null | undefined]>} seen
 * @returns {string}
 */
export function writeSeen(seen) {
  let line = "";
  for (const pair of seen) {
    const entry = (line && ",") + pair.map((text) => encodeURIComponent(/** @type {any} */ (text?.toWellFormed()))).join("=");
    if (pair[1] && line.length + entry.length <= MOST) line += entry;
  }
  return line;
}
