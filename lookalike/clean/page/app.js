// The review page. The server's manifest is the only place where decisions live; this file shows them and sends new ones.
"use strict";

const PAGE = 120;                       // cards added at a time
const token = document.querySelector("meta[name=token]").content;
const $ = (id) => document.getElementById(id);
const grid = $("grid");

const photos = new Map();               // file -> what the server says about it
const selected = new Set();             // files
let labels = [], version = -1;
let label = "", shown = [], drawn = 0, anchor = 0, current = "";

// ---- talking to the server

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", body: JSON.stringify(body),
    headers: { "content-type": "application/json", "x-lookalike-token": token },
  };
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

async function load() {
  const answer = await ask(`api/photos?version=${version}`);
  if (answer.version === version && photos.size) return;
  const first = version < 0;
  version = answer.version;
  labels = answer.labels;
  photos.clear();
  for (const photo of answer.photos) photos.set(photo.file, photo);
  if (first && answer.photos.some((p) => views.mistakes(p) && !p.decision)) $("view").value = "mistakes";
  for (const file of selected) if (!photos.has(file)) selected.delete(file);
  $("undo").disabled = !answer.undo;
  drawFilters();
  draw();
}

function take(answer) {
  version = answer.version;
  for (const file of answer.gone) { photos.delete(file); selected.delete(file); }
  for (const photo of answer.changed) photos.set(photo.file, photo);
  $("undo").disabled = !answer.undo;
  if (answer.refused.length) {
    const first = answer.refused[0];
    say(`${answer.refused.length > 1 ? answer.refused.length + " not done, for example " : ""}${first.file} ${first.why}`);
  }
}

async function decide(action, to = "") {
  const files = chosen();
  if (!files.length) return;
  const wishes = files.map((file) => ({ file, action, label: to, sha256: photos.get(file).sha256 || "" }));
  try {
    const answer = await ask("api/decide", { wishes });
    const next = shown.findIndex((file, at) => at > index() && !files.includes(file));
    const goal = next >= 0 ? shown[next] : null;
    take(answer);
    selected.clear();
    drawFilters();
    draw(goal);
    if (!answer.refused.length) say(`${files.length} ${{ keep: "kept", aside: "set aside", label: "moved to " + to, open: "cleared" }[action]}`);
  } catch (error) { say(`not saved: ${error.message}`); }
}

async function undo() {
  try {
    const answer = await ask("api/undo", {});
    take(answer);
    drawFilters();
    draw(answer.changed.length ? answer.changed[0].file : null);
    if (!answer.refused.length) say("taken back");
  } catch (error) { say(`not taken back: ${error.message}`); }
}

// ---- what is shown

const views = {
  set: (p) => !p.aside,
  all: () => true,
  open: (p) => !p.aside && !p.decision,
  suspect: (p) => !p.aside && p.score > 0,
  mistakes: (p) => !p.aside && p.taken_for && p.taken_for !== p.label,
  copies: (p) => Boolean(p.group),
  aside: (p) => p.aside,
  kept: (p) => p.decision === "keep",
};

function choose() {
  const view = $("view").value, reason = $("reason").value, part = $("part").value;
  const list = [...photos.values()].filter((p) =>
    views[view](p) && (!label || p.label === label) && (!part || p.part === part)
    && (!reason || (p.reasons || []).includes(reason)));
  if (view === "suspect") list.sort((a, b) => b.score - a.score || (a.file < b.file ? -1 : 1));
  if (view === "mistakes") list.sort((a, b) => b.loss - a.loss || (a.file < b.file ? -1 : 1));
  if (view === "copies") list.sort((a, b) => a.group < b.group ? -1 : a.group > b.group ? 1 : a.file < b.file ? -1 : 1);
  return list.map((p) => p.file);
}

function option(value, text) {
  const item = document.createElement("option");
  item.value = value;
  item.textContent = text;
  return item;
}

function refill(select, first, values) {
  const before = select.value;
  select.replaceChildren(option("", first), ...values.map((value) => option(value, value)));
  select.value = values.includes(before) ? before : "";
}

function drawFilters() {
  const counts = new Map(labels.map((name) => [name, 0]));
  const reasons = new Set(), parts = new Set();
  for (const p of photos.values()) {
    if (!p.aside) counts.set(p.label, (counts.get(p.label) || 0) + 1);
    (p.reasons || []).forEach((reason) => reasons.add(reason));
    if (p.part) parts.add(p.part);
  }
  $("labels").replaceChildren(...["", ...labels].map((name, at) => {
    const button = document.createElement("button");
    button.textContent = name ? `${name} ${counts.get(name)} ` : "all labels";
    if (name && at <= 9) {
      const key = document.createElement("kbd");
      key.textContent = at;
      button.append(key);
    }
    button.dataset.label = name;
    button.setAttribute("aria-pressed", String(name === label));
    button.onclick = () => { label = name; selected.clear(); drawFilters(); draw(); };
    return button;
  }));
  refill($("reason"), "any reason", [...reasons].sort());
  refill($("part"), "any split", [...parts].sort());
  refill($("move"), "Move to…", labels);
}

function draw(focus) {
  const keep = focus === undefined ? shown[index()] : focus;
  shown = choose();
  drawn = 0;
  grid.replaceChildren();
  const at = keep ? shown.indexOf(keep) : -1;
  more(Math.max(PAGE, at + 1));
  $("count").textContent = `${shown.length} photos`;
  if (at >= 0) card(at).focus({ preventScroll: focus === undefined });
}

function more(upTo = drawn + PAGE) {
  const part = document.createDocumentFragment();
  const copies = $("view").value === "copies";
  for (; drawn < Math.min(upTo, shown.length); drawn++) {
    const photo = photos.get(shown[drawn]);
    if (copies && (!drawn || photos.get(shown[drawn - 1]).group !== photo.group)) {
      const title = document.createElement("p");
      title.className = "group";
      title.textContent = `copies of ${photo.group}`;
      part.append(title);
    }
    part.append(build(photo));
  }
  grid.append(part);
}

function build(photo) {
  const item = document.createElement("div");
  item.className = `card${photo.aside ? " aside" : ""}${photo.decision === "keep" ? " kept" : ""}`;
  item.tabIndex = -1;
  item.dataset.file = photo.file;
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", String(selected.has(photo.file)));
  const picture = document.createElement("img");
  picture.loading = "lazy";
  picture.alt = photo.file;
  try { picture.src = address(photo); } catch { /* a name that is no text cannot be asked for */ }
  const frame = document.createElement("div");
  frame.className = "frame";
  frame.append(picture, ...boxes(photo));
  item.append(frame);
  add(item, "name", photo.file, photo.file);
  const guess = photo.predicted ? [`${photo.predicted} ${Math.round(photo.probability * 100)} %`] : [];
  const said = photo.taken_for ? [`the network says ${photo.taken_for} ${Math.round(photo.sure * 100)} %`] : [];
  add(item, "why", [...said, ...guess, ...(photo.why || [])].join(" · "));
  if (photo.decision || photo.aside) add(item, "mark", photo.aside ? "set aside" : "kept");
  if (photo.score >= 0.5) add(item, "score", `${Math.round(photo.score * 100)} % doubt`, `how much the other photos speak against ${photo.label}`);
  return item;
}

// The faces of a photo over its picture, which stands in the middle of a frame of 4 by 3. A click makes another one count.
function boxes(photo) {
  const across = Math.min(1, photo.ratio * 3 / 4), down = Math.min(1, 4 / 3 / photo.ratio);
  return (photo.faces || []).map((face, at) => {
    const [left, top, right, bottom] = face.split(",").map(Number);
    const box = document.createElement("button");
    box.className = `face${at === photo.chosen ? " chosen" : ""}`;
    box.title = at === photo.chosen ? "this face counts" : "let this face count";
    box.tabIndex = -1;
    const places = { left: (1 - across) / 2 + left * across, top: (1 - down) / 2 + top * down, width: (right - left) * across, height: (bottom - top) * down };
    for (const [side, share] of Object.entries(places)) box.style[side] = `${share * 100}%`;
    box.onclick = () => at !== photo.chosen && count(photo, face);
    return box;
  });
}

async function count(photo, face) {
  try {
    const answer = await ask("api/decide", { wishes: [{ file: photo.file, action: "face", face, sha256: photo.sha256 || "" }] });
    take(answer);
    draw(photo.file);
    if (!answer.refused.length) say("this face counts");
  } catch (error) { say(`not saved: ${error.message}`); }
}

function add(parent, kind, text, title) {
  const span = document.createElement("span");
  span.className = kind;
  span.textContent = text;
  if (title) span.title = title;
  parent.append(span);
}

function address(photo) {
  return `api/picture?file=${encodeURIComponent(photo.file)}&v=${photo.sha256 || ""}`;
}

let toastTimer;
function say(text) {
  $("toast").textContent = text;
  $("toast").classList.add("on");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => $("toast").classList.remove("on"), 2500);
}

// ---- choosing photos

const card = (at) => grid.querySelectorAll(".card")[at];
const index = () => shown.indexOf(current);

function chosen() {
  if (selected.size) return shown.filter((file) => selected.has(file));
  const at = index();
  return at >= 0 ? [shown[at]] : [];
}

function mark() {
  for (const item of grid.querySelectorAll(".card")) item.setAttribute("aria-selected", String(selected.has(item.dataset.file)));
}

function toggle(file) {
  if (!selected.delete(file)) selected.add(file);
  mark();
}

function range(from, to) {
  for (let at = Math.min(from, to); at <= Math.max(from, to); at++) selected.add(shown[at]);
  mark();
}

function go(step, extend) {
  const from = Math.max(0, index());
  const at = index() < 0 ? 0 : Math.max(0, Math.min(shown.length - 1, from + step));
  if (at >= drawn) more(at + PAGE);
  if (!card(at)) return;
  if (extend) range(from, at); else anchor = at;
  card(at).focus();
}

function columns() {
  return getComputedStyle(grid).gridTemplateColumns.split(" ").length;
}

grid.addEventListener("focusin", (event) => { current = event.target.closest(".card")?.dataset.file || current; });
grid.addEventListener("click", (event) => {
  const item = event.target.closest(".card");
  if (!item) return;
  const at = shown.indexOf(item.dataset.file);
  if (event.shiftKey) range(anchor, at);
  else if (event.ctrlKey || event.metaKey) { toggle(item.dataset.file); anchor = at; }
  else { selected.clear(); mark(); anchor = at; }
  item.focus();
});
grid.addEventListener("dblclick", closer);

function closer() {
  const photo = photos.get(shown[index()]);
  if (!photo) return;
  $("closer").querySelector("img").alt = photo.file;
  $("closer").querySelector("img").src = `${address(photo)}&size=closer`;
  $("closer").querySelector("p").textContent = [photo.file, ...(photo.why || [])].join(" · ");
  $("closer").showModal();
}
$("closer").onclick = () => $("closer").close();

const keys = {
  k: () => decide("keep"), d: () => decide("aside"), Delete: () => decide("aside"), c: () => decide("open"), u: undo,
  " ": () => index() >= 0 && toggle(shown[index()]), Enter: closer, "?": () => $("keys").showModal(),
  Escape: () => { selected.clear(); mark(); },
};
const arrows = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -columns(), ArrowDown: () => columns() };

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || ["SELECT", "INPUT"].includes(event.target.tagName)) return;
  const control = event.ctrlKey || event.metaKey;
  let act = null;
  if (control && event.key === "z") act = undo;
  else if (control && event.key === "a") act = () => range(0, shown.length - 1);
  else if (control || event.altKey) return;
  else if (arrows[event.key]) act = () => go(arrows[event.key](), event.shiftKey);
  else if (event.target.tagName === "BUTTON" && [" ", "Enter"].includes(event.key)) return;
  else if (/^[1-9]$/.test(event.key) && labels[event.key - 1]) act = () => decide("label", labels[event.key - 1]);
  else act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

for (const button of document.querySelectorAll("[data-action]")) {
  button.addEventListener("mousedown", (event) => event.preventDefault());   // the photo keeps the focus
  button.onclick = () => decide(button.dataset.action);
}
$("move").onchange = () => {
  const to = $("move").value;
  $("move").value = "";
  if (to) decide("label", to);
};
$("undo").onclick = undo;
$("help").onclick = () => $("keys").showModal();
for (const id of ["view", "reason", "part"]) $(id).onchange = () => { selected.clear(); draw(); };

new IntersectionObserver((entries) => {
  if (entries[0].isIntersecting && drawn < shown.length) more();
}, { rootMargin: "800px" }).observe($("more"));

setInterval(() => document.hidden || load().catch(() => {}), 3000);          // another tab or command may have decided
load().catch((error) => say(error.message));
