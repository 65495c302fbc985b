/**
 * How a file below `/js/v1/` loads another: the very one that it was made with, whatever else a server may have under that name.
 * @module
 */

/**
 * Import a module; rejects for one that has another checksum, where the browser checks those of what it preloads.
 * @param {string} path from this file
 * @param {string} integrity as in an `integrity` attribute
 */
export async function pinned(path, integrity) {
  const { href } = new URL(path, import.meta.url);
  if (typeof document === "object") {
    await new Promise((onload, onerror) => {
      document.head.append(Object.assign(document.createElement("link"), { rel: "modulepreload", href, integrity, onload, onerror }));
    });
  }
  return import(href);
}
