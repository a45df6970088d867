// Renews the page at `/`: asks for its part every few seconds, and replaces the cards that have changed.
const live = document.getElementById("live"), away = document.getElementById("away");
const fresh = document.getElementById("fresh");
const EVERY_MS = 5000, LONGEST_MS = 60000, TIMEOUT_MS = 10000;
let etag = "", pause = EVERY_MS, timer = 0, asking = false, lost = "";

const clock = () =>
  new Date().toLocaleTimeString(document.documentElement.lang, { timeZone: live.dataset.zone, hourCycle: "h23" });
const cards = root => [...root.querySelectorAll("article")];
const stops = card => [...card.querySelectorAll("a")];

function selecting() {
  const chosen = getSelection();
  return chosen.type === "Range" && live.contains(chosen.anchorNode);
}

function replace(old, card) {
  const focused = stops(old).indexOf(document.activeElement);
  old.replaceWith(card);
  if (focused >= 0) (stops(card)[focused] ?? stops(card)[0])?.focus({ preventScroll: true });
}

function renew(html) {
  const next = new DOMParser().parseFromString(html, "text/html").body;
  const now = cards(live), then = cards(next);
  if (now.map(each => each.id).join() !== then.map(each => each.id).join()) live.replaceChildren(...next.childNodes);
  else now.forEach((card, index) => card.isEqualNode(then[index]) || replace(card, then[index]));
}

async function ask() {
  const headers = etag ? { "If-None-Match": etag } : {};
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const answer = await fetch(live.dataset.url, { headers, signal, cache: "no-store" });
  if (answer.status !== 304 && !answer.ok) throw new Error(answer.status);
  if (answer.ok && !selecting()) {  // what somebody marks to copy it stays until the next poll
    renew(await answer.text());
    etag = answer.headers.get("ETag");
  }
}

async function poll() {
  clearTimeout(timer);
  if (asking) return;
  asking = true;
  try {
    await ask();
    [pause, lost, away.textContent] = [EVERY_MS, "", ""];
    fresh.textContent = fresh.dataset.text.replace("{time}", clock());
  } catch {
    pause = Math.min(2 * pause, LONGEST_MS);
    lost ||= clock();
    away.textContent = away.dataset.text.replace("{time}", lost);
  }
  asking = false;
  if (!document.hidden) timer = setTimeout(poll, pause);
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : poll()));
timer = setTimeout(poll, EVERY_MS);
