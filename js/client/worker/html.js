/**
 * Putting flags into a page on its way to the browser, as it streams by.
 * @module
 */

/** @typedef {import("../../engine/index.js").Context} Context */
/** @typedef {import("./rules.js").Rules} Rules */

/** What lets caches keep a page for everybody. */
const SHARED = /^(public|s-maxage\b.*|stale-while-revalidate\b.*|stale-if-error\b.*|private)$/i;
const CDN_HEADERS = ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control"];
/** Of the page without flags: a browser that is told that it has not changed would paint with the flags of then. */
const VALIDATORS = ["etag", "last-modified"];

/**
 * Return *response* with the client-side flags in its `<head>`: `<script type="application/json" id="pennon-bootstrap">`. What is no
 * HTML page is returned as it is, and so is a page while there are no flags.
 *
 * The page is one visitor's then: `Cache-Control` is made private, and the validators of the page without flags are left out.
 * @param {Response} response
 * @param {Rules} rules
 * @param {Context} context who asks; it is not put into the page
 * @param {{ nonce?: string, ttlS?: number, cacheControl?: string }} [how] `nonce`: for a policy that checks it; `cacheControl`: what to
 *   say instead
 * @returns {Response}
 */
export function bootstrapHtml(response, rules, context, { nonce, ttlS, cacheControl } = {}) {
  if (!rules.ready || !isPage(response)) return response;
  if (!("HTMLRewriter" in globalThis)) {
    console.warn("pennon: there is no HTMLRewriter here; put rules.bootstrapScript(context) into your pages yourself");
    return response;
  }
  const element = rules.bootstrapScript(context, { nonce, ttlS });
  const page = new Response(response.body, response);
  page.headers.set("cache-control", cacheControl ?? madePrivate(response.headers.get("cache-control")));
  if (cacheControl === undefined) for (const name of CDN_HEADERS) page.headers.delete(name);
  for (const name of VALIDATORS) page.headers.delete(name);
  return withElement(page, element);
}

/** @param {Response} response @param {string} html */
function withElement(response, html) {
  let isIn = false;
  /** Documents may lack the tags, and may have them twice. @param {(content: string, options: { html: true }) => unknown} put */
  const once = (put) => {
    if (!isIn) put(html, { html: true });
    isIn = true;
  };
  // @ts-expect-error: it is of workers' runtimes, and of no page
  const rewriter = new HTMLRewriter();
  return rewriter
    .on("head", { element: (/** @type {any} */ head) => once((...content) => head.prepend(...content)) })
    .on("body", { element: (/** @type {any} */ body) => once((...content) => body.prepend(...content)) })
    .onDocument({ end: (/** @type {any} */ end) => once((...content) => end.append(...content)) })
    .transform(response);
}

/** @param {Response} response */
function isPage(response) {
  const kind = (response.headers.get("content-type") ?? "").split(";")[0].trim().toLowerCase();
  // A part of a page is cut anywhere, and would not be that part any more.
  return response.body !== null && response.status !== 206 && (kind === "text/html" || kind === "application/xhtml+xml");
}

/** @param {string | null} said */
function madePrivate(said) {
  const kept = (said ?? "").split(",").map((each) => each.trim());
  return ["private", ...kept.filter((each) => each !== "" && !SHARED.test(each))].join(", ");
}
