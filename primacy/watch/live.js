// The live part of a watched page: draws what the server sends, and offers the page anew.
(() => {
  "use strict";
  const MAX_CARDS = 12; // conditions drawn at once
  const IDLE = 10000; // milliseconds without a touch before the page shows what is new by itself
  const SVG = "http://www.w3.org/2000/svg";
  const at = (id) => document.getElementById(id);
  const [told, bar, show, auto, cards, more] =
    ["told", "progress", "show", "auto", "cards", "more"].map((name) => at(`live-${name}`));
  const choice = auto.querySelector("input");
  let study = null;
  let version = null;
  let touched = Date.now();
  let due = false;
  const networks = new Map(); // condition -> seed -> [[step, values], ...]

  const make = (name, attributes = {}, text = "") => {
    const svg = ["svg", "path", "text"].includes(name);
    const node = svg ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.textContent = text; // names are text, never markup
    return node;
  };
  const median = (values) => {
    const sorted = values.filter((v) => v !== null).sort((a, b) => a - b);
    const half = sorted.length >> 1;
    if (!sorted.length) return null;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  };
  const number = (v) => (v === null ? "–" : Number(v.toPrecision(3)).toString().replace("-", "−"));
  const plural = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

  const drawing = (c, seeds) => {
    const [width, height, left, right, top, bottom] = [300, 130, 34, 294, 8, 110];
    const all = [...seeds.values()].flat().flatMap(([, values]) => values).filter((v) => v !== null);
    const ends = [...(c.range ?? []), ...all, ...c.features.map((f) => f.level).filter((v) => v !== null)];
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    const across = Math.log1p(c.last / c.first) || 1;
    const x = (step) => left + (Math.log1p(step / c.first) / across) * (right - left);
    const y = (v) => bottom - ((v - low) / (high - low || 1)) * (bottom - top);
    const label = `${c.axis} of ${plural(seeds.size, "network")} in training`;
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    svg.append(make("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` }));
    for (const level of new Set(c.features.map((f) => f.level)))
      if (level !== null) svg.append(make("path", { class: "level", d: `M${left} ${y(level)}H${right}` }));
    for (const v of [low, high])
      svg.append(make("text", { x: left - 4, y: y(v) + 4, "text-anchor": "end" }, number(v)));
    svg.append(make("text", { x: left, y: height - 4, "text-anchor": "middle" }, "0"));
    svg.append(make("text", { x: right, y: height - 4, "text-anchor": "end" }, c.last.toLocaleString("en")));
    c.features.forEach((feature, k) => {
      for (const rows of seeds.values()) {
        const points = rows.filter(([, values]) => values[k] !== null);
        if (!points.length) continue;
        const d = "M" + points.map(([s, v]) => `${x(s).toFixed(1)} ${y(v[k]).toFixed(1)}`).join("L");
        const attributes = { class: `seed s${feature.hue}`, d };
        if (feature.dash.length) attributes["stroke-dasharray"] = feature.dash.join(" ");
        svg.append(make("path", attributes));
      }
    });
    return svg;
  };
  const card = (c, seeds) => {
    const box = make("div", { class: "live-card" });
    const steps = [...seeds.values()].map((rows) => rows[rows.length - 1][0]);
    const step = Math.max(...steps).toLocaleString("en");
    if (study.conditions.length > 1) box.append(make("h3", {}, c.name));
    const now = `${plural(seeds.size, "network")} in training, step ${step} of ${c.last.toLocaleString("en")}`;
    box.append(make("p", { class: "note" }, now), drawing(c, seeds));
    const list = make("ul");
    c.features.forEach((feature, k) => {
      const last = [...seeds.values()].map((rows) => rows[rows.length - 1][1][k]);
      const item = make("li");
      item.append(make("span", { class: `swatch hue${feature.hue}`, "aria-hidden": "true" }), feature.name);
      item.append(`: ${number(median(last))}`);
      list.append(item);
    });
    box.append(list, make("p", { class: "note" }, `${c.axis}, median of these networks; dashed: criterion`));
    return box;
  };
  const draw = () => {
    due = false;
    const shown = [...networks].filter(([, seeds]) => seeds.size).sort(([a], [b]) => a - b);
    cards.replaceChildren(...shown.slice(0, MAX_CARDS).map(([i, seeds]) => card(study.conditions[i], seeds)));
    more.hidden = shown.length <= MAX_CARDS;
    more.textContent = `${plural(shown.length - MAX_CARDS, "more condition")} in training.`;
  };

  const status = (now) => {
    const done = `${now.done.toLocaleString("en")} of ${plural(now.total, "network")} stored`;
    const still = now.quiet >= 60 ? ` Nothing new for ${now.quiet} s; if the run was stopped, the same command resumes it.` : "";
    const words = { waiting: "Waiting for the run to begin.", complete: `The run is complete: ${done}.` };
    const text = words[now.state] ?? `Training: ${done}.${still}`;
    if (told.textContent !== text) told.textContent = text;
    bar.hidden = !now.total || now.state === "complete";
    if (now.total) bar.value = now.done / now.total;
    version ??= now.version;
    const fresh = now.version !== version;
    show.hidden = auto.hidden = !fresh;
    const idle = Date.now() - touched > IDLE || now.state === "complete";
    if (fresh && choice.checked && idle) location.reload();
  };
  try {
    choice.checked = sessionStorage.getItem("primacy-auto") !== "no";
  } catch { /* no storage: the box starts checked */ }
  choice.addEventListener("change", () => {
    try {
      sessionStorage.setItem("primacy-auto", choice.checked ? "yes" : "no");
    } catch { /* no storage: it lasts as long as the page */ }
  });
  show.addEventListener("click", () => location.reload());
  for (const kind of ["pointerdown", "keydown", "wheel"])
    addEventListener(kind, () => { touched = Date.now(); }, { passive: true });

  const events = new EventSource("/events");
  events.addEventListener("study", (e) => { study = JSON.parse(e.data); networks.clear(); });
  events.addEventListener("status", (e) => status(JSON.parse(e.data)));
  events.addEventListener("live", (e) => {
    const news = JSON.parse(e.data);
    for (const [i, seed, step, values] of news.rows) {
      if (!networks.has(i)) networks.set(i, new Map());
      const seeds = networks.get(i);
      if (!seeds.has(seed)) seeds.set(seed, []);
      seeds.get(seed).push([step, values]);
    }
    for (const [i, seed] of news.gone) networks.get(i)?.delete(seed);
    if (!due) {
      due = true;
      requestAnimationFrame(draw);
    }
  });
  events.addEventListener("error", () => {
    told.textContent = "The connection is gone: the page is as it was last. primacy watch shows the run again.";
    bar.hidden = true;
  });
})();
