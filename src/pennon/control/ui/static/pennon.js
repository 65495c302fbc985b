// What saves waiting and typing. Every page works without it.

const GO_WITHIN_MS = 1500;
const GATHERED_MS = 250;
const AGAIN_MS = 3000;
const PATIENT_MS = 2000;

/** Keys: `/` finds, `g` and a letter goes, `k` is the kill switch, `?` tells of them. */
function listenToKeys() {
  let goingUntil = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const going = performance.now() < goingUntil;
    goingUntil = 0;
    if (going) return follow(event, `[data-go="${CSS.escape(event.key)}"]`);
    if (event.key === "g") goingUntil = performance.now() + GO_WITHIN_MS;
    else if (event.key === "k") follow(event, '[data-key="k"], [data-go="k"]');
    else if (event.key === "/") focus(event, '#q, [data-key="/"]');
    else if (event.key === "?") document.querySelector("#keys")?.showModal?.();
  });
}

function isTyping(target) {
  return target instanceof Element && target.closest("input, textarea, select, dialog[open]") !== null;
}

function follow(event, selector) {
  const all = [...document.querySelectorAll(selector)];
  const link = all.find((each) => each.matches("main *")) ?? all[0];
  if (!link) return;
  event.preventDefault();
  link.click();
}

function focus(event, selector) {
  const field = document.querySelector(selector);
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select?.();
}

/** What changes is shown where it is looked at, unless somebody is at work there; it is shown when he has done. */
function followChanges() {
  const project = document.body.dataset.project;
  if (!project || !window.EventSource || !window.htmx || !document.querySelector("[data-live]")) return;
  let waiting = 0;
  const changed = () => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, GATHERED_MS);
  };
  const listen = () => {
    const feed = new EventSource(`/api/v1/feed?project=${encodeURIComponent(project)}`);
    feed.addEventListener("change", changed);
    feed.addEventListener("ready", () => {
      if (!lostTimer) return;
      find();
      refresh(); // what was missed meanwhile
    });
    feed.addEventListener("error", () => {
      lose();
      if (isOver || feed.readyState !== EventSource.CLOSED) return; // it tries again by itself
      refresh();
      setTimeout(listen, AGAIN_MS);
    });
    addEventListener("pagehide", () => feed.close(), { once: true });
  };
  listen();
  for (const each of ["visibilitychange", "focusout", "toggle"]) document.addEventListener(each, () => { if (isOwed) changed(); }, true);
}

let isOwed = false;

function refresh() {
  const live = document.querySelector("[data-live]");
  if (!live?.id) return;
  isOwed = document.hidden || isAtWork(live);
  if (isOwed) return;
  window.htmx.ajax("GET", location.pathname + location.search, { target: `#${live.id}`, select: `#${live.id}`, swap: "outerMorph" });
}

/** While the server does not answer, the page says of when it is. What comes instead of an answer is never shown. */
let shownAt = new Date();
let lostTimer = 0;
let isOver = false;

function lose() {
  if (isOver) return;
  const time = shownAt.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  lostTimer ||= setTimeout(tell, PATIENT_MS, `The server does not answer; what you see is of ${time}. This page goes on by itself.`);
}

function find() {
  clearTimeout(lostTimer);
  lostTimer = 0;
  document.querySelector("#connection")?.remove();
}

function tell(text, link) {
  const notice = document.querySelector("#connection") ?? document.createElement("p");
  Object.assign(notice, { id: "connection", className: "problem", textContent: text });
  notice.setAttribute("role", "status");
  if (link) notice.append(" ", link);
  document.querySelector("main").prepend(notice);
}

function tellFailures() {
  document.addEventListener("htmx:before:response", (event) => {
    const { raw, status } = event.detail.ctx.response;
    if (raw.redirected && new URL(raw.url).pathname === "/sign-in") {
      event.preventDefault();
      find();
      isOver = true;
      const link = Object.assign(document.createElement("a"), { href: location.href, textContent: "Sign in" });
      tell("Your session is over; what you see may be old.", link);
    } else if (status >= 500 || status === 429) {
      event.preventDefault();
      lose();
    } else {
      find();
      shownAt = new Date();
    }
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx) lose();
  });
}

/** Times are typed by the clock on one's own wall, unless one says otherwise. */
function proposeZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const field of document.querySelectorAll("input[data-zone]")) if (zone) field.value = zone;
}

function isAtWork(live) {
  return live.querySelector("details[open]") !== null || (isTyping(document.activeElement) && live.contains(document.activeElement));
}

/** Where two variations share, a slider moves both fields; the fields stay the truth. */
function addSliders() {
  for (const shares of document.querySelectorAll("[data-slider]:not(:has(.slider))")) {
    const [first, second] = shares.querySelectorAll("input");
    const slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: 0, max: 100, step: 1, className: "slider" });
    slider.setAttribute("aria-label", `Share of ${shares.dataset.slider} in percent`);
    const follow = () => { slider.value = first.value.replace(",", ".") || 0; };
    slider.addEventListener("input", () => {
      first.value = slider.value;
      second.value = 100 - slider.value;
    });
    first.addEventListener("input", follow);
    follow();
    shares.append(slider);
  }
}

/** Buttons that copy a field, which without scripts is selected and copied by hand. */
function offerCopies() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const field = document.getElementById(button.dataset.copy);
    button.hidden = false;
    button.addEventListener("click", async () => {
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Selected: copy it"; // without https there is no clipboard
      }
    });
  }
}

/** What is current is in sight, where all does not fit beside each other. */
function showCurrent() {
  for (const bar of document.querySelectorAll(".sections, .tabs")) {
    const current = bar.querySelector("[aria-current]");
    if (!current) continue;
    const past = current.getBoundingClientRect().right - bar.getBoundingClientRect().right;
    if (past > 0) bar.scrollLeft += past + 16;
  }
}

document.querySelector("#problem")?.focus();
showCurrent();
offerCopies();
addSliders();
document.addEventListener("htmx:after:swap", addSliders);
listenToKeys();
proposeZone();
tellFailures();
followChanges();
